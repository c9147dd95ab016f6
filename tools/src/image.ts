/**
 * Builds an app's image: `node tools/src/image.ts api|worker|stager [--node-image NAME]`, or `nx run api:image`.
 * Without a name the base is the official Node image, or one of our own where no registry answers.
 * The last line of stdout is the image's name and id. Every failure is one sentence on stderr and exit 1.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Dockerode from 'dockerode';
import { APPS, type App } from './docker/app-image-bundle.ts';
import { ensureAppImage } from './docker/app-image.ts';
import { ensureDockerEngine } from './docker/engine.ts';
import { ensureNodeImage } from './docker/node-base.ts';

const USAGE = `usage: node tools/src/image.ts ${APPS.join('|')} [--node-image NAME]`;
const repoRoot = join(import.meta.dirname, '../..');
const say = (line: string) => process.stdout.write(`${line}\n`);

type Options = { app: App; nodeImage: { image?: string } };

function parseOptions(argv: string[]): Options {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { 'node-image': { type: 'string' } },
  });
  const app = APPS.find((name) => name === positionals[0]);
  if (app === undefined || positionals.length !== 1) throw new Error(USAGE);
  const image = values['node-image'];
  return { app, nodeImage: image === undefined ? {} : { image } };
}

async function main({ app, nodeImage }: Options): Promise<void> {
  const startedMs = performance.now();
  const host = { environment: process.env, log: say };
  const engine = await ensureDockerEngine({ stateFolder: join(repoRoot, 'data/cache'), ...host });
  try {
    const docker = new Dockerode({ socketPath: engine.socketPath });
    const base = await ensureNodeImage(docker, { repoRoot, ...nodeImage, ...host });
    const made = await ensureAppImage(docker, { repoRoot, app, nodeImage: base.image, ...host });
    const [whole, below] = await Promise.all(
      [made.imageId, base.imageId].map(async (id) => (await docker.getImage(id).inspect()).Size),
    );
    const ownMb = (((whole ?? 0) - (below ?? 0)) / 1e6).toFixed(1);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    say(`${made.outcome} in ${seconds} s: ${ownMb} MB on top of ${base.image}`);
    say(`${made.image} ${made.imageId}`);
  } finally {
    await engine.stop();
  }
}

try {
  await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'Something unexpected went wrong.'}\n`);
  process.exitCode = 1;
}
