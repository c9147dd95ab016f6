import { join } from 'node:path';
import type Dockerode from 'dockerode';
import { ensureBuilt, type ModelImage } from '../docker/model-image.ts';
import type { HostEnvironment, Log } from '../docker/host.ts';

/** The program around BiomedParse with a small untrained network in its place; `model.json` beside it says so, too. */
export const STAND_IN_IMAGE = 'bpi/untrained-stand-in:1.0.0';

const OWNER = 'apps/models/biomedparse';
const STAGE = 'stand-in';

/** Two minutes the first time and after a change of the program, for 200 MB of Debian packages; else seconds. */
export function ensureStandIn(
  docker: Dockerode,
  { repoRoot, ...host }: { repoRoot: string; environment: HostEnvironment; log: Log },
): Promise<ModelImage> {
  return ensureBuilt(docker, { folder: join(repoRoot, OWNER), tag: STAND_IN_IMAGE, target: STAGE, ...host });
}

/** The Python tests of the program and of the network, as folders of the checkout. */
export function standInTests(repoRoot: string): readonly string[] {
  return [join(repoRoot, OWNER, 'tests'), join(repoRoot, OWNER, 'stand-in/tests')];
}
