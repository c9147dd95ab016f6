/**
 * Proves a model's image on a machine that has its weights: `./tools/verify-model MODEL --weights DIR …`.
 * Exit 0 only if the golden case reaches its Dice, twice with the same mask. Every failure is one sentence on stderr.
 */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Dockerode from 'dockerode';
import { ensureDockerEngine } from './docker/engine.ts';
import { withoutCredentials } from './docker/host.ts';
import { parseArguments } from './verify/arguments.ts';
import { verifyModel } from './verify/verify-model.ts';

const repoRoot = join(import.meta.dirname, '../..');
const say = (line: string) => process.stdout.write(`${line}\n`);
const log = (line: string) => process.stderr.write(`${line}\n`);

async function main(argv: string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const { model, ...chosen } = parseArguments(argv, environment['CALLER_DIR'] ?? process.cwd());
  const stateFolder = join(repoRoot, 'data/cache');
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const interrupted = new AbortController();
  // A second signal ends this process at once, whatever it leaves behind.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(name, () => interrupted.abort(new Error('Interrupted: what was started is removed.')));
  const engine = await ensureDockerEngine({ stateFolder, environment, log });
  try {
    await verifyModel(new Dockerode({ socketPath: engine.socketPath }), {
      ...chosen,
      folder: join(repoRoot, 'apps/models', model),
      temporaryDir: tmpdir(),
      environment,
      log,
      say,
      signal: interrupted.signal,
    });
  } finally {
    await engine.stop();
  }
}

try {
  await main(process.argv.slice(2), process.env);
  say('PASSED');
} catch (error) {
  process.stderr.write(`${withoutCredentials(error instanceof Error ? error.message : 'unknown error')}\n`);
  process.exitCode = 1;
}
