import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { DeregisterTaskDefinitionCommand, ECSClient, RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { buildJobTask, EcsTaskRunner, TASK_CONTAINERS } from '@bpi/adapters-aws';
import {
  EcsSimulator,
  ScriptedEngine,
  sqsEventSink,
  type ContainerPlan,
  type EcsEvent,
  type Program,
  type SimulatorSettings,
} from '@bpi/ecs-simulator';
import { isJobId, modelManifestSchema, type JobId, type Log, type LogEvent } from '@bpi/job-contract';
import type { LaunchResult, Observation, TaskSpec } from '@bpi/jobs';
import { makeEmulatedQueue } from './aws-emulator.ts';
import type { TaskKind, TaskRunnerHarness } from './task-runner.conformance.ts';

const SETTLE = { pollMs: 10, limitMs: 10_000 } as const;
const REGION = 'us-east-1';
const CREDENTIALS = { accessKeyId: 'simulated', secretAccessKey: 'simulated' };
const ABSENT_IMAGE = `absent@sha256:${'0'.repeat(64)}`;
const MODEL_IMAGE = `model@sha256:${'1'.repeat(64)}`;
export const POOL = 'gpu-spot';

/** Long enough for a model to start, short enough to wait for stage-out's end without one. */
const START_DEADLINE_MS = 300;

/** What a task of a test does. `fails` ends with exit code 1 of the model. */
export type EcsTaskKind = TaskKind | 'fails';

export type LogLine = { event: LogEvent; fields: object };

export type EcsHarness = Omit<TaskRunnerHarness, 'runner' | 'specOf' | 'second'> & {
  runner: EcsTaskRunner;
  simulator: EcsSimulator;
  ecs: ECSClient;
  sqs: SQSClient;
  queueUrl: string;
  /** What was sent to ECS and Auto Scaling, as `AwsOperation` names it; registering definitions is the harness's. */
  sent: ReadonlySet<string>;
  /** What the runners logged. */
  lines: readonly LogLine[];
  specOf(kind: EcsTaskKind): TaskSpec;
  second(): Promise<EcsTaskRunner>;
  /** A runner that is told of these definitions only. */
  runnerWith(definitions: Readonly<Record<string, string>>): EcsTaskRunner;
  /** A new revision of the model's definition, as after a deployment. */
  redeploy(): Promise<string>;
  deregister(definition: string): Promise<void>;
  launched(spec: TaskSpec): Promise<string>;
  seen<S extends Observation['state']>(spec: TaskSpec, state: S): Promise<Extract<Observation, { state: S }>>;
  /** Puts any text into the task-events queue. */
  tell(body: string): Promise<void>;
};

export type EcsHarnessSettings = Partial<Pick<SimulatorSettings, 'faults' | 'eventFilter' | 'stoppedTaskTtlMs'>>;

/**
 * The real runner and the SDK's real clients on a simulated ECS, whose containers are functions of this process, and an
 * emulated queue. @param endpoint of the AWS emulator, for the queue.
 */
export async function makeEcsHarness(
  endpoint: string | undefined,
  settings: EcsHarnessSettings = {},
): Promise<EcsHarness> {
  const queue = await makeEmulatedQueue(endpoint);
  const script: Script = { kinds: new Map(), ends: new Map() };
  const sqs = queue.connect();
  const simulator = await EcsSimulator.start({
    engine: new ScriptedEngine((plan) => programOf(plan, script)),
    autoScalingGroups: [group(POOL, 'spot'), group('gpu-on-demand', 'on_demand')],
    eventSink: sqsEventSink(sqs, queue.queueUrl),
    stopTimeoutMs: 200,
    region: REGION,
    ...settings,
  });
  // One try: what the simulator does wrong is to reach the runner, and not the SDK's own repeats.
  const client = { endpoint: simulator.url, region: REGION, credentials: CREDENTIALS, maxAttempts: 1 };
  const ecs = new ECSClient(client);
  const autoScaling = new AutoScalingClient(client);
  const sent = new Set<string>();
  recordOperations(ecs.middlewareStack, 'ecs', sent);
  recordOperations(autoScaling.middlewareStack, 'autoscaling', sent);
  const lines: LogLine[] = [];
  const log: Log = (event, fields = {}) => void lines.push({ event, fields });
  const register = (image: string) => registerModel(ecs, image);
  const definitions = { 'scripted@1.0.0': await register(MODEL_IMAGE), 'absent@1.0.0': await register(ABSENT_IMAGE) };
  const runnerWith: EcsHarness['runnerWith'] = (known) =>
    new EcsTaskRunner(
      { ecs, autoScaling, sqs: queue.connect() },
      { cluster: simulator.clusterArn, taskEventsQueueUrl: queue.queueUrl, definitions: known, log },
    );
  const runner = runnerWith(definitions);
  return {
    runner,
    simulator,
    ecs,
    sqs,
    queueUrl: queue.queueUrl,
    sent,
    lines,
    settle,
    runnerWith,
    second: async () => runnerWith(definitions),
    redeploy: () => register(MODEL_IMAGE),
    deregister: async (taskDefinition) => {
      await ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition }));
    },
    specOf: (kind) => {
      const jobId = newJobId();
      script.kinds.set(jobId, kind);
      const model = { name: kind === 'cannot_start' ? 'absent' : 'scripted', version: '1.0.0' };
      return { jobId, epoch: 1, model, pool: POOL, definition: runner.definitionOf(model), shrunk: false };
    },
    launched: async (spec) => refOf(await runner.launch(spec)),
    seen: (spec, state) => seenAs(runner, spec, state),
    tell: async (MessageBody) => {
      await sqs.send(new SendMessageCommand({ QueueUrl: queue.queueUrl, MessageBody }));
    },
    close: async () => {
      await simulator.close();
      for (const each of [ecs, autoScaling]) each.destroy();
      await queue.close();
    },
  };
}

type Recordable = {
  add(
    middleware: <Args, Answer>(
      next: (args: Args) => Promise<Answer>,
      context: { commandName?: string },
    ) => (args: Args) => Promise<Answer>,
  ): void;
};

function recordOperations(stack: Recordable, service: string, sent: Set<string>): void {
  stack.add((next, { commandName = '' }) => (args) => {
    sent.add(`${service}:${commandName.replace(/Command$/, '')}`);
    return next(args);
  });
}

export function refOf(result: LaunchResult): string {
  if (result.kind !== 'launched') throw new Error(`the launch was refused: ${result.code}`);
  return result.ref;
}

export async function settle(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + SETTLE.limitMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`the condition did not hold within ${SETTLE.limitMs} ms`);
    await delay(SETTLE.pollMs);
  }
}

export async function seenAs<S extends Observation['state']>(
  runner: EcsTaskRunner,
  spec: TaskSpec,
  state: S,
): Promise<Extract<Observation, { state: S }>> {
  const isSo = (seen: Observation): seen is Extract<Observation, { state: S }> => seen.state === state;
  const found: Extract<Observation, { state: S }>[] = [];
  await settle(async () => {
    const seen = await runner.inspect({ jobId: spec.jobId, epoch: spec.epoch, ref: null });
    if (isSo(seen)) found.push(seen);
    return found.length > 0;
  });
  const [first] = found;
  if (first === undefined) throw new Error('settled without a sight');
  return first;
}

/** The words of an event that ECS sends about a task, in EventBridge's envelope. */
export function taskChange(detail: object): Pick<EcsEvent, 'source' | 'detail-type'> & { detail: object } {
  return { source: 'aws.ecs', 'detail-type': 'ECS Task State Change', detail };
}

function newJobId(): JobId {
  const id = randomUUID();
  if (!isJobId(id)) throw new Error('randomUUID makes version 4');
  return id;
}

function group(name: string, kind: 'spot' | 'on_demand') {
  return {
    name,
    capacityProvider: name,
    max: 4,
    coldStartMs: 5,
    gpusPerInstance: 1,
    memoryMiB: 16_000,
    cpuUnits: 4_096,
    spot: kind === 'spot',
    idleShrinkMs: 60_000,
  };
}

/** The definition as production registers it: the simulator refuses what ECS would. */
async function registerModel(ecs: ECSClient, modelImage: string): Promise<string> {
  const manifest = modelManifestSchema.parse({
    schema_version: 1,
    name: 'scripted',
    version: '1.0.0',
    title: 'Function',
    description: 'Does what the test says.',
    licence: 'none',
    intended_use: 'tests',
    evidence: 'None: it exists in tests only.',
    image: 'bpi/scripted:1.0.0',
    input: { formats: ['npz'], dtypes: ['uint8'], intensity: { min: 0, max: 255, distinct_min: 1 } },
    prompts: 'optional',
    fixed_labels: null,
    params: {},
    progress_steps: ['segment'],
    resources: { gpu: 'required', gpu_memory_mib: 1, memory_mib: 64, cpus: 1, shm_mib: 1, pids: 32, tmp_mib: 4 },
    attempt_timeout_s: 60,
    smaller_settings: null,
    golden: null,
  });
  const definition = buildJobTask({
    manifest,
    family: 'job-scripted',
    images: { stager: `stager@sha256:${'2'.repeat(64)}`, model: modelImage },
    region: REGION,
    bucket: 'jobs-bucket',
    taskEventsQueueUrl: 'http://127.0.0.1/queue',
    roles: { task: 'arn:aws:iam::000000000000:role/task', execution: 'arn:aws:iam::000000000000:role/execution' },
    logGroup: null,
    weights: null,
    outputBytesMax: 1_000_000,
    startDeadlineMs: START_DEADLINE_MS,
    stopTimeoutS: 1,
  });
  const { taskDefinition } = await ecs.send(new RegisterTaskDefinitionCommand(definition));
  if (taskDefinition?.taskDefinitionArn === undefined) throw new Error('the simulator registered no definition');
  return taskDefinition.taskDefinitionArn;
}

/** What the programs of a harness go by. */
type Script = {
  /** By job id. */
  kinds: Map<string, EcsTaskKind>;
  /** By task: settles when its model ended, for its stage-out. */
  ends: Map<string, PromiseWithResolvers<number>>;
};

function programOf(plan: ContainerPlan, script: Script): Program | null {
  const kind = script.kinds.get(plan.environment['JOB_ID'] ?? '');
  if (kind === undefined || plan.image === ABSENT_IMAGE) return null;
  switch (plan.name) {
    case TASK_CONTAINERS.stageIn:
      return async () => 0;
    case TASK_CONTAINERS.model:
      return async (run) => {
        const exitCode = await modelOf(kind)(run);
        endOf(script, plan.taskId).resolve(exitCode);
        return exitCode;
      };
    default:
      return stageOutOf(kind, script);
  }
}

function endOf({ ends }: Script, taskId: string): PromiseWithResolvers<number> {
  const end = ends.get(taskId) ?? Promise.withResolvers<number>();
  ends.set(taskId, end);
  return end;
}

function modelOf(kind: EcsTaskKind): Program {
  switch (kind) {
    case 'finishes':
      return async () => 0;
    case 'fails':
      return async () => 1;
    case 'runs_until_stopped':
    case 'cannot_start':
      return untilStopped;
    case 'ignores_stop':
      return () => new Promise(() => {});
  }
}

const untilStopped: Program = ({ signal }) =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(143), { once: true }));

/** As the real one: ends with the model, on SIGTERM, or when the model does not come. */
function stageOutOf(kind: EcsTaskKind, script: Script): Program {
  if (kind === 'ignores_stop') return () => new Promise(() => {});
  return async ({ plan, signal }) => {
    const stopped = new Promise<number>((resolve) => {
      signal.addEventListener('abort', () => resolve(143), { once: true });
    });
    const ended = endOf(script, plan.taskId).promise.then(() => 0);
    const tooLate = kind === 'cannot_start' ? [delay(START_DEADLINE_MS, 1)] : [];
    return Promise.race([stopped, ended, ...tooLate]);
  };
}
