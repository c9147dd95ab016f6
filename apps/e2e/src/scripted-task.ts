/**
 * Tasks of jobs without containers: functions of the test process that stand for stage-in, the model and stage-out.
 * They read the environment, the keys and the schemas that the real ones do, and leave the same things in the same order.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  openAwsClients,
  S3ObjectStore,
  sendStagerMessage,
  stagerEnvSchema,
  TASK_CONTAINERS,
  type AwsClients,
  type StagerEnv,
} from '@bpi/adapters-aws';
import { OutOfMemory, ScriptedEngine, type ContainerPlan, type Program, type ProgramRun } from '@bpi/ecs-simulator';
import { MODEL_ENV, reportKey, type JobFile, type JobId } from '@bpi/job-contract';
import { failed, jsonBytes, persistently, readJobFile, storeArtifacts, type ModelExit } from './scripted-artifacts.ts';

/** How long a container stays in a step: milliseconds, or until something happens. */
export type Hold = number | Promise<unknown>;

/** What one attempt does; what is left out takes no time and goes well. */
export type TaskScript = {
  stageIn?: Hold;
  model?: Hold;
  /** Before the artifacts are stored. */
  stageOut?: Hold;
  /** Between the artifacts and the report. */
  report?: Hold;
  /** Of the model. */
  exit?: ModelExit;
};

export type Asked = { jobId: JobId; epoch: number; shrunk: boolean; params: JobFile['params'] };

/** What happened in one task; a job and epoch may have more than one if the platform fails. */
export type TaskRun = {
  jobId: JobId;
  epoch: number;
  taskId: string;
  /** The containers whose programs run at this moment. */
  running: Set<string>;
  modelStarted: boolean;
  /** Null while it runs, or if it never did. */
  modelExit: ModelExit | null;
  /** `exists`: another task of the same attempt had stored one. */
  report: 'stored' | 'exists' | null;
};

/** Told between the two containers of a task, as the shared folder and the agent's metadata do. */
type Shared = TaskRun & {
  /** Null: stage-in failed. */
  script: PromiseWithResolvers<TaskScript | null>;
  ended: PromiseWithResolvers<void>;
};

const PROGRESS_STEP = 'work';
const SIGTERM_EXIT = 143;
/** A message is a courtesy: a task must not wait for it. */
const MESSAGE_TIMEOUT_MS = 2_000;

export class ScriptedTasks {
  readonly engine: ScriptedEngine;
  readonly #scriptOf: (asked: Asked) => TaskScript;
  readonly #scratchDir: string;
  readonly #shared = new Map<string, Shared>();
  readonly #clients = new Map<string, AwsClients>();

  /** @param scriptOf asked once for each task, when stage-in has read what the job asks for. */
  constructor(scriptOf: (asked: Asked) => TaskScript, { scratchDir }: { scratchDir: string }) {
    this.#scriptOf = scriptOf;
    this.#scratchDir = scratchDir;
    this.engine = new ScriptedEngine((plan) => this.#programOf(plan));
  }

  /** Every task that ever started a container, oldest first. */
  get runs(): readonly TaskRun[] {
    return [...this.#shared.values()];
  }

  runsOf(jobId: string, epoch?: number): TaskRun[] {
    return this.runs.filter((run) => run.jobId === jobId && (epoch === undefined || run.epoch === epoch));
  }

  /** For the end of a test: idle connections keep the process alive. */
  close(): void {
    for (const clients of this.#clients.values()) clients.destroy();
  }

  #programOf({ name }: ContainerPlan): Program | null {
    switch (name) {
      case TASK_CONTAINERS.stageIn:
        return (run) => this.#whileRunning(run, (shared) => this.#stageIn(run, shared));
      case TASK_CONTAINERS.model:
        return (run) => this.#whileRunning(run, (shared) => this.#model(run, shared));
      case TASK_CONTAINERS.stageOut:
        return (run) => this.#whileRunning(run, (shared) => this.#stageOut(run, shared));
      default:
        return null;
    }
  }

  async #whileRunning({ plan }: ProgramRun, program: (shared: Shared) => Promise<number>): Promise<number> {
    const shared = this.#sharedOf(plan);
    shared.running.add(plan.name);
    try {
      return await program(shared);
    } finally {
      shared.running.delete(plan.name);
    }
  }

  async #stageIn({ plan, signal, killed }: ProgramRun, shared: Shared): Promise<number> {
    const { objects, env } = this.#open(plan);
    const { jobId, epoch, shrunk } = env;
    const jobFile = await persistently(() => readJobFile(objects, jobId), killed).catch(() => null);
    const script = jobFile === null ? null : this.#scriptOf({ jobId, epoch, shrunk, params: jobFile.params });
    shared.script.resolve(script);
    if (script === null) return 1;
    return (await held(script.stageIn, [signal, killed])) ? 0 : SIGTERM_EXIT;
  }

  async #model({ signal, killed }: ProgramRun, shared: Shared): Promise<number> {
    const script = await shared.script.promise;
    shared.modelStarted = true;
    try {
      const inTime = await held(script?.model, [signal, killed]);
      shared.modelExit = inTime ? (script?.exit ?? 0) : SIGTERM_EXIT;
      if (shared.modelExit === 'out_of_memory') throw new OutOfMemory();
      return shared.modelExit;
    } finally {
      shared.ended.resolve();
    }
  }

  /** Ends with 1 and no report when it is told to stop before it has one, as the real one does. */
  async #stageOut({ plan, signal, killed }: ProgramRun, shared: Shared): Promise<number> {
    const { objects, env, clients } = this.#open(plan);
    const stops = [signal, killed];
    if (!(await held(shared.script.promise, stops))) return 1;
    const script = await shared.script.promise;
    if (script === null) return 1;
    void this.#tell(clients, env, 0.5);
    if (!(await held(shared.ended.promise, stops)) || !(await held(script.stageOut, stops))) return 1;
    const { modelExit } = shared;
    const report =
      modelExit === 0 ? await storeArtifacts(objects, env, { taskId: shared.taskId, killed }) : failed(env, modelExit);
    if (report === null || !(await held(script.report, stops))) return 1;
    const key = reportKey(env.jobId, env.epoch);
    const put = await persistently(() => objects.put(key, jsonBytes(report), { ifAbsent: true }), killed);
    if (put === null) return 1;
    shared.report = put.kind;
    void this.#tell(clients, env, 1);
    return 0;
  }

  async #tell(clients: AwsClients, { jobId, epoch, taskEventsQueueUrl }: StagerEnv, fraction: number): Promise<void> {
    const timeout = AbortSignal.timeout(MESSAGE_TIMEOUT_MS);
    const message = { kind: 'progress', jobId, epoch, fraction, step: PROGRESS_STEP } as const;
    await sendStagerMessage(clients.sqs, taskEventsQueueUrl, message, timeout).catch(() => {});
  }

  #sharedOf({ taskId, environment }: ContainerPlan): Shared {
    const known = this.#shared.get(taskId);
    if (known !== undefined) return known;
    const shared: Shared = {
      jobId: environment[MODEL_ENV.jobId] as JobId, // the launch gave it
      epoch: Number(environment[MODEL_ENV.attempt]),
      taskId,
      running: new Set(),
      modelStarted: false,
      modelExit: null,
      report: null,
      script: Promise.withResolvers<TaskScript | null>(),
      ended: Promise.withResolvers<void>(),
    };
    this.#shared.set(taskId, shared);
    return shared;
  }

  /** By the container's own environment, as the SDK does it. */
  #open({ environment }: ContainerPlan): { env: StagerEnv; clients: AwsClients; objects: S3ObjectStore } {
    const env = stagerEnvSchema.parse(environment);
    const endpoint = environment['AWS_ENDPOINT_URL'] ?? '';
    let clients = this.#clients.get(endpoint);
    if (clients === undefined) {
      const accessKeyId = environment['AWS_ACCESS_KEY_ID'] ?? '';
      const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY'] ?? '';
      clients = openAwsClients({ region: env.region, endpoint, credentials: { accessKeyId, secretAccessKey } });
      this.#clients.set(endpoint, clients);
    }
    const objects = new S3ObjectStore({ client: clients.s3, bucket: env.bucket, scratchDir: this.#scratchDir });
    return { env, clients, objects };
  }
}

/** Waits; false when one of the signals came first. */
async function held(hold: Hold | undefined, signals: readonly AbortSignal[]): Promise<boolean> {
  const over = AbortSignal.any([...signals]);
  if (over.aborted) return false;
  const waiting = new AbortController();
  const aborted = new Promise<false>((resolve) => {
    over.addEventListener('abort', () => resolve(false), { once: true, signal: waiting.signal });
  });
  const time =
    typeof hold === 'number' ? delay(hold, undefined, { signal: waiting.signal }).catch(() => {}) : (hold ?? null);
  try {
    return await Promise.race([aborted, Promise.resolve(time).then(() => true)]);
  } finally {
    waiting.abort();
  }
}
