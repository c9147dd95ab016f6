import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DockerTaskRunner, FsObjectStore } from '@bpi/adapters-local';
import {
  createLog,
  isJobId,
  modelEndSchema,
  modelManifestSchema,
  type JobId,
  type ModelEnd,
  type ModelManifest,
} from '@bpi/job-contract';
import { Catalogue, type Observation, systemClock, type TaskSpec } from '@bpi/jobs';
import Docker from 'dockerode';
import type { TaskKind, TaskRunnerHarness } from '../task-runner.conformance.ts';
import type { AttemptPlan } from './shell-stager.ts';

/** Any image with a POSIX shell will do; the repository's own base has one. */
const BASE_IMAGE = 'bpi/base:bookworm-1';
const SHELL_IMAGE = 'bpi/shell-model:1.0.0';
export const SOCKET = '/var/run/docker.sock';
const SETTLE = { pollMs: 20, limitMs: 20_000 } as const;
const MiB = 1024 * 1024;

export const OUTPUT_BYTES_MAX = 8 * MiB;

const SCRIPTS: Record<Exclude<TaskKind, 'cannot_start'>, string> = {
  finishes: 'exit 0',
  runs_until_stopped: 'exec sleep 3600',
  ignores_stop: "trap '' TERM; while :; do sleep 1; done",
};

export type DockerHarness = TaskRunnerHarness & {
  docker: Docker;
  folder: string;
  platform: string;
  /** A task whose model is this shell script, in `/workspace`. */
  plan(plan: Partial<AttemptPlan> & { script: string; model?: ShellModel }): Promise<TaskSpec>;
  work(spec: TaskSpec, file: string): string;
  /** How often a stage of this job was run. */
  runsOf(spec: TaskSpec, stage: 'stage-in' | 'stage-out'): Promise<number>;
  ended(spec: TaskSpec): Promise<Extract<Observation, { state: 'stopped' }>>;
  /** Launches and waits for the end; what the runner noted about the model. */
  run(spec: TaskSpec): Promise<{ seen: Extract<Observation, { state: 'stopped' }>; end: ModelEnd }>;
  output(spec: TaskSpec, file: string): Promise<string>;
};

const SHELL_MODELS = ['shell', 'absent', 'shell-gpu', 'shell-gpu-or-cpu'] as const;
type ShellModel = (typeof SHELL_MODELS)[number];

export function shellManifest(name: ShellModel): ModelManifest {
  return modelManifestSchema.parse({
    schema_version: 1,
    name,
    version: '1.0.0',
    title: 'Shell script',
    description: 'Runs the script that the test wrote.',
    licence: 'none',
    intended_use: 'tests',
    evidence: 'None: it exists in tests only.',
    image: name === 'absent' ? 'bpi/no-such-image:1.0.0' : SHELL_IMAGE,
    input: { formats: ['npz'], dtypes: ['uint8'], intensity: { min: 0, max: 255, distinct_min: 1 } },
    prompts: 'optional',
    fixed_labels: null,
    params: {},
    progress_steps: ['load', 'segment'],
    resources: {
      gpu: name === 'shell-gpu' ? 'required' : name === 'shell-gpu-or-cpu' ? 'optional' : 'none',
      gpu_memory_mib: 0,
      memory_mib: 64,
      cpus: 64, // more than any host of a test has: must not matter
      shm_mib: 1,
      pids: 32,
      tmp_mib: 4,
    },
    attempt_timeout_s: 60,
    smaller_settings: null,
    golden: null,
  });
}

/** A runner over the folder; in a worker process of its own, or in the test's. */
export function makeRunner(folder: string, platform: string, socketPath = SOCKET): DockerTaskRunner {
  const stager = fileURLToPath(new URL('shell-stager.ts', import.meta.url));
  const uid = process.getuid?.() ?? 0;
  const failures = (line: string) => void (line.includes('.failed') && process.stderr.write(`${line}\n`));
  return new DockerTaskRunner({
    docker: new Docker({ socketPath }),
    objects: new FsObjectStore(join(folder, 'objects')),
    catalogue: new Catalogue(SHELL_MODELS.map(shellManifest)),
    workRoot: join(folder, 'work'),
    stager: { command: [process.execPath, stager, '--plans', folder] },
    stagerStdio: 'ignore',
    clock: systemClock,
    log: createLog(failures, systemClock.nowMs),
    settings: {
      platform,
      outputBytesMax: OUTPUT_BYTES_MAX,
      logBytesMax: 4_096,
      pollIntervalMs: 50,
      stopGraceMs: 1_000,
      containerUser: uid === 0 ? { uid: 65_532, gid: 65_532 } : { uid, gid: process.getgid?.() ?? uid },
    },
  });
}

export async function makeDockerHarness(): Promise<DockerHarness> {
  const docker = new Docker({ socketPath: SOCKET });
  await ensureShellImage(docker);
  const folder = await mkdtemp(join(tmpdir(), 'bpi-docker-'));
  await mkdir(join(folder, 'objects'));
  const platform = randomUUID();
  const runner = makeRunner(folder, platform);
  const runners = [runner];
  const planned: Promise<void>[] = [];

  const work = (spec: TaskSpec, file: string) => join(folder, 'work', `${spec.jobId}-${spec.epoch}`, file);
  const ended = async (spec: TaskSpec) => {
    let seen: Observation = { state: 'missing' };
    await settle(async () => (seen = await runner.inspect({ ...spec, ref: null })).state === 'stopped');
    const last = seen as Observation; // assigned in the closure, which the compiler does not follow
    if (last.state !== 'stopped') throw new Error('settled without a stop');
    return last;
  };
  const specOf = (kind: TaskKind): TaskSpec => {
    const spec = aSpec(kind === 'cannot_start' ? 'absent' : 'shell');
    // The conformance suite asks for specs synchronously; the plan is on disk long before a stager starts.
    if (kind !== 'cannot_start') planned.push(writePlan(folder, spec.jobId, { script: SCRIPTS[kind] }));
    return spec;
  };
  return {
    docker,
    folder,
    platform,
    runner,
    specOf,
    settle,
    second: async () => {
      const another = makeRunner(folder, platform);
      runners.push(another);
      return another;
    },
    plan: async ({ model, ...plan }) => {
      const spec = aSpec(model ?? 'shell');
      await writePlan(folder, spec.jobId, plan);
      return spec;
    },
    work,
    runsOf: async (spec, stage) =>
      (await readFile(join(folder, `${spec.jobId}.${stage}`), 'utf8').catch(() => '')).length,
    ended,
    run: async (spec) => {
      const launched = await runner.launch(spec);
      if (launched.kind === 'refused') throw new Error(`refused: ${launched.code}`);
      const seen = await ended(spec);
      return { seen, end: modelEndSchema.parse(JSON.parse(await readFile(work(spec, 'model-end.json'), 'utf8'))) };
    },
    output: (spec, file) => readFile(work(spec, join('outputs', file)), 'utf8'),
    close: async () => {
      await Promise.all([...planned, ...runners.map((one) => one.close())]);
      const left = await docker.listContainers({ all: true, filters: { label: [`bpi.platform=${platform}`] } });
      await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function newJobId(): JobId {
  const id = randomUUID();
  if (!isJobId(id)) throw new Error('randomUUID makes version 4');
  return id;
}

function aSpec(model: ShellModel): TaskSpec {
  const identity = { name: model, version: '1.0.0' };
  return { jobId: newJobId(), epoch: 1, model: identity, pool: 'cpu', definition: null, shrunk: false };
}

async function writePlan(folder: string, jobId: JobId, plan: Partial<AttemptPlan> & { script: string }): Promise<void> {
  const whole: AttemptPlan = { stageIn: 'works', stageOut: 'works', ...plan };
  await writeFile(join(folder, `${jobId}.json`), JSON.stringify(whole));
}

export async function settle(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + SETTLE.limitMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`the condition did not hold within ${SETTLE.limitMs} ms`);
    await delay(SETTLE.pollMs);
  }
}

/** The base image with another command: the layers are shared, so this takes milliseconds. */
async function ensureShellImage(docker: Docker): Promise<void> {
  await docker.ping().catch(() => {
    throw new Error(
      `No Docker engine answers on ${SOCKET}: start one (Debian: apt-get install docker.io, then dockerd).`,
    );
  });
  if (
    (await docker
      .getImage(SHELL_IMAGE)
      .inspect()
      .catch(() => null)) !== null
  )
    return;
  await docker
    .getImage(BASE_IMAGE)
    .inspect()
    .catch(() => {
      throw new Error(`The image ${BASE_IMAGE} is missing: ./tools/test builds it.`);
    });
  const container = await docker.createContainer({ Image: BASE_IMAGE, Cmd: ['true'] });
  const [repo, tag] = SHELL_IMAGE.split(':');
  await container.commit({ repo, tag, changes: 'CMD ["sh", "/workspace/inputs/run.sh"]' });
  await container.remove();
}
