import { randomUUID } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { buildContainerOptions } from '@bpi/adapters-local';
import { jobIdSchema, LIMITS, MODEL_FILES, type Params } from '@bpi/job-contract';
import { ProgressTail } from '@bpi/model-files';
import type Dockerode from 'dockerode';
import type { Log } from '../docker/host.ts';
import { failureOf } from './model-failure.ts';
import type { VerifiableManifest } from './model-folder.ts';
import { readRunMetrics, type RunMetrics } from './run-metrics.ts';
import { VerifyError } from './verify-error.ts';

const PLATFORM_LABEL = 'verify-model';
/** As the platform's worker has it when it runs as root. */
const MODEL_UID = 65_532;
const POLL_MS = 500;
const PROGRESS_STEP = 0.05;
const LOG_LINES_KEPT = 200;
/** On a processor nobody knows how long it takes; a day is over any patience. */
const CPU_TIMEOUT_MS = 24 * 3_600_000;

export type ModelRunPlan = {
  manifest: VerifiableManifest;
  imageId: string;
  weights: { folder: string; file: string; sha256: string };
  params: Params;
  device: 'gpu' | 'cpu';
  /** Holds `input.npz`; anybody may read it. */
  inputsDir: string;
  /** A folder of ours for what the run leaves. */
  workDir: string;
  log: Log;
  signal: AbortSignal;
};

export type ModelRun = { maskPath: string; metrics: RunMetrics | null; seconds: number };

/** Runs the model once in a container like the platform's. @throws VerifyError if it leaves no mask */
export async function runModel(docker: Dockerode, plan: ModelRunPlan): Promise<ModelRun> {
  plan.signal.throwIfAborted();
  const user = containerUser();
  const outputsDir = await mkdtemp(join(plan.workDir, 'outputs-'));
  await chmod(outputsDir, 0o700);
  if (process.getuid?.() === 0) await chown(outputsDir, user.uid, user.gid);
  await writeFile(join(plan.inputsDir, MODEL_FILES.params), JSON.stringify(plan.params));
  await openToAnybody(plan.inputsDir);
  const { NCPU } = (await docker.info()) as { NCPU: number }; // dockerode types this as any
  const container = await docker.createContainer(
    buildContainerOptions({
      attempt: { jobId: jobIdSchema.parse(randomUUID()), epoch: 1 },
      image: plan.imageId,
      resources: plan.manifest.resources,
      host: { cpus: NCPU, hasNvidia: plan.device === 'gpu' },
      platform: PLATFORM_LABEL,
      user,
      outputBytesMax: LIMITS.outputBytesMax,
      mounts: { inputs: plan.inputsDir, outputs: outputsDir },
      weights: plan.weights,
    }),
  );
  try {
    const startedMs = performance.now();
    await start(container);
    await untilEnded(container, { ...plan, outputsDir });
    const seconds = (performance.now() - startedMs) / 1000;
    await refuseFailure(docker, container, plan);
    const metrics = await readRunMetrics(join(outputsDir, MODEL_FILES.metrics));
    return { maskPath: join(outputsDir, MODEL_FILES.masks[0]), metrics, seconds };
  } finally {
    await container.remove({ force: true, v: true });
  }
}

/** The container's user is another one, and a umask cuts the modes that files are made with. */
async function openToAnybody(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const name of await readdir(folder)) await chmod(join(folder, name), 0o644);
}

/** A folder for runs and inputs, and its end. */
export async function withWorkDir<T>(parent: string, use: (workDir: string, inputsDir: string) => Promise<T>) {
  const workDir = await mkdtemp(join(parent, 'bpi-verify-'));
  const inputsDir = join(workDir, 'inputs');
  await mkdir(inputsDir);
  try {
    return await use(workDir, inputsDir);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

function containerUser(): { uid: number; gid: number } {
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? { uid: MODEL_UID, gid: MODEL_UID } : { uid, gid: process.getgid?.() ?? uid };
}

async function start(container: Dockerode.Container): Promise<void> {
  try {
    await container.start();
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown error';
    throw new VerifyError(
      `Docker did not start the container (${why}): with --gpu it needs NVIDIA's driver and container toolkit.`,
    );
  }
}

/** @throws VerifyError after the manifest's own time limit, or on a processor after a day */
async function untilEnded(container: Dockerode.Container, plan: ModelRunPlan & { outputsDir: string }): Promise<void> {
  const { manifest, device, log, signal } = plan;
  const timeoutMs = device === 'gpu' ? manifest.attempt_timeout_s * 1000 : CPU_TIMEOUT_MS;
  const deadlineMs = performance.now() + timeoutMs;
  const progressPath = join(plan.outputsDir, MODEL_FILES.progress);
  const progress = new ProgressTail(progressPath, manifest.progress_steps, LIMITS.progressBytesMax);
  let told = -1;
  while ((await container.inspect()).State.Running) {
    if (performance.now() > deadlineMs)
      throw new VerifyError(
        `The model took longer than ${timeoutMs / 1000} s: use a faster device, or raise attempt_timeout_s in model.json.`,
      );
    const line = await progress.read();
    if (line !== null && line.fraction >= told + PROGRESS_STEP) {
      told = line.fraction;
      log(`model: ${line.step}, ${Math.round(100 * told)} %`);
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

async function refuseFailure(
  docker: Dockerode,
  container: Dockerode.Container,
  { manifest }: ModelRunPlan,
): Promise<void> {
  const { State } = await container.inspect();
  if (State.ExitCode === 0) return;
  const log = await logOf(docker, container);
  throw new VerifyError(failureOf({ exitCode: State.ExitCode, oomKilled: State.OOMKilled, log }, manifest));
}

/** The end of stderr: the last line of a refusal is a JSON object. */
async function logOf(docker: Dockerode, container: Dockerode.Container): Promise<string> {
  const framed = await container.logs({ stderr: true, follow: true, tail: LOG_LINES_KEPT });
  const text = new PassThrough();
  docker.modem.demuxStream(framed, text, text);
  framed.once('end', () => text.end());
  return (await buffer(text)).toString('utf8');
}
