/**
 * From nothing to a segmented brain: `./tools/quickstart [--aws] [--once] [--port 8080] [--data ./data]`.
 * With `--aws` the AWS composition runs on this machine: an emulator for DynamoDB, SQS and S3, and a simulated ECS.
 * Every failure is one sentence on stderr and exit 1, with nothing left running.
 */
import { mkdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { killModelContainers } from '@bpi/adapters-local';
import type { JobId, Metadata, ResultBody } from '@bpi/job-contract';
import { AwsPlatform } from './aws/aws-platform.ts';
import { buildApps } from './build.ts';
import { ensureAppImage } from './docker/app-image.ts';
import { ensureDockerEngine } from './docker/engine.ts';
import { ensureNodeImage } from './docker/node-base.ts';
import { makeInput } from './make-input.ts';
import { prepare, type Prepared } from './prepare.ts';
import { Client } from './run/client.ts';
import { freePort } from './run/free-port.ts';
import { LocalPlatform } from './run/platform.ts';
import { ProgressBar } from './run/progress-bar.ts';

const USAGE = 'usage: ./tools/quickstart [--aws] [--once] [--port 8080] [--data ./data]';
const MODEL = 'brain-mri';
/** A request that names no model gets this one. */
const API_ENV = { DEFAULT_MODEL: MODEL };
/** Minutes on AWS; here only long enough to be seen. */
const AWS_COLD_START_MS = 1_500;
const JOB_TIMEOUT_MS = 10 * 60_000;

const repoRoot = join(import.meta.dirname, '../..');
const say = (line: string) => process.stdout.write(`${line}\n`);

type Options = {
  composition: 'local' | 'aws';
  stay: 'until Ctrl-C' | 'until the result';
  port: number;
  dataDir: string;
  apiKey: string | null;
};

function parseOptions(argv: string[], env: NodeJS.ProcessEnv): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      aws: { type: 'boolean' },
      once: { type: 'boolean' },
      port: { type: 'string' },
      data: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) throw new Error(USAGE);
  const port = Number(values.port ?? env['PORT'] ?? 8080);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port must be a number from 0 to 65535. ${USAGE}`);
  return {
    composition: values.aws === true ? 'aws' : 'local',
    stay: values.once === true || !process.stdout.isTTY ? 'until the result' : 'until Ctrl-C',
    port,
    dataDir: resolve(values.data ?? env['DATA_DIR'] ?? join(repoRoot, 'data')),
    apiKey: env['BPI_API_KEY'] ?? null,
  };
}

/** Things to undo at the end, newest first, however and whenever the end comes. */
const undo: (() => Promise<void>)[] = [];
async function undoAll(): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step().catch(() => {});
}

/** What is still on its way when the end comes is waited for and undone too. */
function undoable<T>(making: Promise<T>, unmake: (made: T) => Promise<void>): Promise<T> {
  undo.push(async () => unmake(await making));
  return making;
}

async function main(options: Options): Promise<void> {
  const cacheDir = join(options.dataDir, 'cache');
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const host = { environment: process.env, log: say };
  const engine = await undoable(ensureDockerEngine({ stateFolder: cacheDir, ...host }), (started) => started.stop());
  const prepared = await prepare({
    repoRoot,
    engine,
    cacheDir,
    modelFolders: [join(repoRoot, 'apps/models', MODEL)],
    ...host,
  });
  await buildApps(repoRoot);
  undo.push(() => killModelContainers(prepared.docker, options.dataDir));
  const starting = options.composition === 'aws' ? startAws(options, prepared) : startLocal(options, engine.socketPath);
  const platform = await undoable(starting, (started) => started.stop());
  say(`API and worker run at ${platform.url}`);

  const client = new Client(platform.url, platform.apiKey);
  await Promise.race([segmentSample(options, prepared, client), platform.failed]);
  if (options.stay === 'until the result') return;
  say(`\nThe API stays up at ${platform.url} until you press Ctrl-C.`);
  await Promise.race([interrupted, platform.failed]);
}

type Platform = { url: string; apiKey: string | null; failed: Promise<never>; stop(): Promise<void> };

async function startLocal(options: Options, dockerSocket: string): Promise<Platform> {
  const { dataDir, port, apiKey } = options;
  const modelsDirs = [join(repoRoot, 'apps/models')];
  const [metricsPort, healthPort] = [String(await freePort()), String(await freePort())];
  const env = { ...API_ENV, METRICS_PORT: metricsPort, HEALTH_PORT: healthPort };
  const platform = await LocalPlatform.start({ repoRoot, dataDir, port, modelsDirs, dockerSocket, env });
  const metricsAt = (of: string) => `http://127.0.0.1:${of}/metrics`;
  say(`Metrics for Prometheus: ${metricsAt(metricsPort)} (API), ${metricsAt(healthPort)} (worker)`);
  return { url: platform.url, apiKey, failed: platform.failed, stop: () => platform.stop() };
}

async function startAws(options: Options, { docker }: Prepared): Promise<Platform> {
  const host = { environment: process.env, log: say };
  const { image: nodeImage } = await ensureNodeImage(docker, { repoRoot, ...host });
  const stager = await ensureAppImage(docker, { repoRoot, app: 'stager', nodeImage, ...host });
  return AwsPlatform.start({
    repoRoot,
    dataDir: join(options.dataDir, 'aws'),
    cacheDir: join(options.dataDir, 'cache'),
    port: options.port,
    modelsDirs: [join(repoRoot, 'apps/models')],
    docker,
    stagerImage: stager.imageId,
    slots: 1,
    workers: 1,
    coldStartMs: AWS_COLD_START_MS,
    apiEnv: API_ENV,
    log: say,
  });
}

async function segmentSample(options: Options, prepared: Prepared, client: Client): Promise<void> {
  const making = makeInput(prepared.docker, {
    repoRoot,
    image: `bpi/${MODEL}:1.0.0`,
    headNifti: prepared.samples.headNifti,
    folder: join(options.dataDir, 'cache/client'),
  });
  const input = await undoable(making, async () => {}); // it removes its container itself, and soon
  const startedMs = performance.now();
  const { job_id: jobId } = await client.infer({ inputPath: input.inputPath, geometry: input.geometry, model: MODEL });
  say(`Job ${jobId}: a T1 head MRI, model ${MODEL}`);
  await follow(client, jobId, startedMs);
  const result = await client.result(jobId);
  const folder = join(repoRoot, 'results', jobId);
  await client.download(result, folder);
  report(result, folder, client.url);
}

async function follow(client: Client, jobId: JobId, startedMs: number): Promise<void> {
  const bar = new ProgressBar(process.stdout);
  for await (const status of client.follow(jobId)) {
    const elapsedMs = performance.now() - startedMs;
    const isOver = status.ended_at !== undefined;
    bar.show(status, elapsedMs);
    if (isOver) bar.end();
    if (status.error !== undefined) throw new Error(`The job failed (${status.error.code}): ${status.error.message}`);
    if (!isOver && elapsedMs > JOB_TIMEOUT_MS)
      throw new Error('The job did not end in time: look at worker.log in the logs of the data folder.');
  }
}

function report(result: ResultBody, folder: string, url: string): void {
  say('');
  for (const label of result.metadata.labels) say(`  ${label.name} volume   ${volumeOf(label)}`);
  const names = {
    'pred_mask.npz': 'mask',
    'pred_mask.nii.gz': 'NIfTI',
    'preview.png': 'preview',
    'metadata.json': 'metadata',
  };
  for (const [file, name] of Object.entries(names))
    say(`  ${name.padEnd(14)} ${relative(process.cwd(), join(folder, file))}`);
  say(`  ${'API'.padEnd(14)} ${url}`);
}

function volumeOf(label: Metadata['labels'][number]): string {
  return label.volume_ml === null ? `${label.voxels} voxels` : `${Math.round(label.volume_ml)} ml`;
}

let interrupt: () => void = () => {};
const interrupted = new Promise<void>((done) => {
  interrupt = done;
});
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : 'Something unexpected went wrong.'}\n`);
  process.exitCode = 1;
}
// Not even an error that nobody awaits (the reader of a pipe went away, a bug of ours) leaves something running.
process.on('uncaughtException', (error) => {
  if (process.exitCode === undefined) fail(error); // stderr may be what broke
  interrupt();
});

try {
  const options = parseOptions(process.argv.slice(2), process.env);
  await Promise.race([main(options), interrupted]);
} catch (error) {
  fail(error);
} finally {
  await undoAll();
}
// A step that was interrupted may still hold a handle; everything we started is stopped by now.
process.exit(process.exitCode ?? 0);
