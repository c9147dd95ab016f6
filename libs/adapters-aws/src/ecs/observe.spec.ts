import { describe, expect, it } from '@jest/globals';
import { parseEcsTask, type EcsTask } from './ecs-task.ts';
import { observe } from './observe.ts';
import { STOP_REASONS } from './stop-cause.ts';

const ARN = 'arn:aws:ecs:eu-central-1:000000000000:task/bpi/0123456789abcdef0123456789abcdef';
const INSTANCE = 'arn:aws:ecs:eu-central-1:000000000000:container-instance/bpi/00000000000000000000000000000000';
const DEPENDENCY =
  'CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [stage-in] for target [model]';
const PULL = 'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref';

type Container = { lastStatus: string; exitCode?: number; reason?: string; runtimeId?: string };
type Containers = { stageIn?: Container; model?: Container; stageOut?: Container };

const waiting: Container = { lastStatus: 'PENDING' };
const running: Container = { lastStatus: 'RUNNING', runtimeId: 'r' };
const exited = (exitCode: number, reason?: string): Container => ({
  lastStatus: 'STOPPED',
  exitCode,
  runtimeId: 'r',
  ...(reason === undefined ? {} : { reason }),
});
const broken = (reason: string): Container => ({ lastStatus: 'STOPPED', reason });

function aTask(given: Partial<Record<'lastStatus' | 'stopCode' | 'stoppedReason', string>>, containers: Containers) {
  const { stageIn = waiting, model = waiting, stageOut = waiting } = containers;
  return taskOf({
    taskArn: ARN,
    containerInstanceArn: INSTANCE,
    ...given,
    containers: [
      { name: 'stage-out', ...stageOut },
      { name: 'model', ...model },
      { name: 'stage-in', ...stageIn },
    ],
  });
}

function taskOf(value: unknown): EcsTask {
  const task = parseEcsTask(value);
  if (task === null) throw new Error('the test made no task');
  return task;
}

describe('a task that has not stopped', () => {
  it.each<[string, Containers, object]>([
    ['PROVISIONING', {}, { state: 'pending', waitingFor: 'capacity' }],
    ['PENDING', {}, { state: 'pending', waitingFor: 'image' }],
    ['ACTIVATING', {}, { state: 'pending', waitingFor: 'image' }],
    ['PENDING', { stageIn: running }, { state: 'pending', waitingFor: 'input' }],
    ['RUNNING', { stageIn: running, stageOut: running }, { state: 'pending', waitingFor: 'input' }],
    ['PENDING', { stageIn: exited(0), stageOut: running }, { state: 'pending', waitingFor: 'image' }],
    ['PENDING', { stageIn: exited(1), stageOut: running }, { state: 'pending', waitingFor: 'start' }],
    ['RUNNING', { stageIn: exited(0), stageOut: running }, { state: 'pending', waitingFor: 'start' }],
    ['PENDING', { stageIn: exited(0), model: running, stageOut: running }, { state: 'running' }],
    ['RUNNING', { stageIn: exited(0), model: running, stageOut: running }, { state: 'running' }],
    ['RUNNING', { stageIn: exited(0), model: exited(0), stageOut: running }, { state: 'running' }],
    ['RUNNING', { stageIn: exited(0), model: exited(1), stageOut: running }, { state: 'running' }],
    // The exit code was lost, but it ran.
    ['RUNNING', { stageIn: exited(0), model: { lastStatus: 'STOPPED', runtimeId: 'r' } }, { state: 'running' }],
    // Not started, and a code made up by the agent.
    ['RUNNING', { stageIn: exited(1), model: exited(143, DEPENDENCY) }, { state: 'pending', waitingFor: 'start' }],
    ['DEACTIVATING', { stageIn: exited(0), model: exited(0), stageOut: exited(0) }, { state: 'running' }],
    ['STOPPING', { stageIn: exited(0), model: exited(0), stageOut: exited(0) }, { state: 'running' }],
    ['DEPROVISIONING', { stageIn: exited(0), model: exited(143), stageOut: exited(143) }, { state: 'running' }],
    ['DEPROVISIONING', {}, { state: 'pending', waitingFor: 'start' }],
    ['A_NEW_STATUS', {}, { state: 'pending', waitingFor: 'start' }],
  ])('%s with %j is %j', (lastStatus, containers, seen) => {
    expect(observe(aTask({ lastStatus }, containers))).toEqual({ ref: ARN, ...seen });
  });

  it.each<[string, string | undefined]>([
    [`${PULL} registry/model: not found`, 'image_unavailable'],
    [`${PULL}: manifest unknown`, 'image_unavailable'],
    [
      'CannotPullContainerError: Error response from daemon: pull access denied for x, repository does not exist',
      'image_unavailable',
    ],
    ['CannotPullContainerError: no basic auth credentials', 'image_unavailable'],
    [`${PULL}: unexpected status code: 403 Forbidden`, 'image_unavailable'],
    [
      'CannotPullECRContainerError: AccessDeniedException: not authorized to perform ecr:GetAuthorizationToken',
      'image_unavailable',
    ],
    ['CannotPullImageManifestError: Error response from daemon: manifest unknown', 'image_unavailable'],
    ['ImageNotFoundException: The image requested does not exist.', 'image_unavailable'],
    ['CannotPullContainerError: no matching manifest for linux/amd64', 'image_unavailable'],
    ['CannotStartContainerError: exec: "sh": executable file not found in $PATH: unknown', 'image_unavailable'],
    ['CannotCreateContainerError: Error response from daemon: No such image: x', 'image_unavailable'],
    [
      'CannotStartContainerError: could not select device driver "nvidia" with capabilities: [[gpu]]',
      'device_unavailable',
    ],
    ['CannotStartContainerError: nvidia-container-cli: initialization error: no such device', 'device_unavailable'],
    ['CannotCreateContainerError: unresolvable CDI devices nvidia.com/gpu=0', 'device_unavailable'],
    // A model whose name has the word is not a device that is missing.
    ['CannotPullContainerError: registry/nvidia-model: not found', 'image_unavailable'],
    // What passes dooms this task all the same: the agent starts no container twice.
    ['CannotPullContainerError: net/http: TLS handshake timeout', 'unknown'],
    ['CannotPullContainerError: dial tcp: lookup registry: no such host', 'unknown'],
    ['CannotPullContainerError: context deadline exceeded', 'unknown'],
    ['CannotPullContainerError: request canceled while waiting for connection', 'unknown'],
    ['CannotPullContainerError: toomanyrequests: rate exceeded', 'unknown'],
    ['CannotPullContainerError: unexpected status: 503 Service Unavailable', 'unknown'],
    ['CannotPullContainerError: write /var/lib/docker: no space left on device', 'unknown'],
    ['CannotStartContainerError: something that nobody knows', 'unknown'],
    [DEPENDENCY, undefined],
  ])('whose model container says "%s" is doomed: %s', (reason, doomed) => {
    const task = aTask({ lastStatus: 'PENDING' }, { stageIn: exited(0), model: broken(reason), stageOut: running });
    const expected = { state: 'pending', ref: ARN, waitingFor: 'start', ...(doomed === undefined ? {} : { doomed }) };
    expect(observe(task)).toEqual(expected);
  });
});

describe('a task that stopped', () => {
  const done: Containers = { stageIn: exited(0), model: exited(0), stageOut: exited(0) };
  const lost: Containers = { stageIn: exited(0), model: { lastStatus: 'STOPPED', runtimeId: 'r' } };
  const essential = { stopCode: 'EssentialContainerExited', stoppedReason: 'Essential container in task exited' };
  const notStarted = (stoppedReason: string) => ({ stopCode: 'TaskFailedToStart', stoppedReason });
  const oom = 'OutOfMemoryError: Container killed due to memory usage';
  const asked = { stopCode: 'UserInitiated', stoppedReason: STOP_REASONS.asked };

  it.each<[string, Parameters<typeof aTask>[0], Containers, string, number | null]>([
    ['ended well', essential, done, 'exited', 0],
    ['ended with an error of the model', essential, { ...done, model: exited(1) }, 'exited', 1],
    ['was refused by the model', essential, { ...done, model: exited(10), stageOut: exited(1) }, 'exited', 10],
    ['lost its stage-out after the model', essential, { ...done, stageOut: exited(137, oom) }, 'exited', 0],
    [
      'lost its stage-out under the model',
      essential,
      { ...done, model: exited(143), stageOut: exited(1) },
      'exited',
      143,
    ],
    ['ran out of memory', essential, { ...done, model: exited(137, oom), stageOut: exited(1) }, 'out_of_memory', 137],
    ['got over a lack of memory', essential, { ...done, model: exited(0, oom) }, 'exited', 0],
    ['was killed without a word', essential, { ...done, model: exited(137), stageOut: exited(1) }, 'exited', 137],
    [
      'failed in stage-in',
      essential,
      { stageIn: exited(1), model: exited(143, DEPENDENCY), stageOut: exited(1) },
      'exited',
      null,
    ],
    [
      'ran out of memory in stage-in, which is no fault of the model',
      essential,
      { stageIn: exited(137, oom), model: exited(143, DEPENDENCY), stageOut: exited(1) },
      'exited',
      null,
    ],
    [
      'has no model image',
      essential,
      { stageIn: exited(0), model: broken(`${PULL} x: not found`), stageOut: exited(1) },
      'image_unavailable',
      null,
    ],
    [
      'could not pull the model image in passing',
      essential,
      { stageIn: exited(0), model: broken(`${PULL}: i/o timeout`), stageOut: exited(1) },
      'unknown',
      null,
    ],
    [
      'has no device',
      essential,
      {
        stageIn: exited(0),
        model: broken('CannotStartContainerError: nvidia-container-cli: error'),
        stageOut: exited(1),
      },
      'device_unavailable',
      null,
    ],
    [
      'has no stager image',
      notStarted(`${PULL} stager: not found`),
      {
        stageIn: broken(`${PULL} stager: not found`),
        model: exited(143, DEPENDENCY),
        stageOut: exited(143, DEPENDENCY),
      },
      'image_unavailable',
      null,
    ],
    ['was stopped by us', asked, { ...done, model: exited(143), stageOut: exited(143) }, 'stop_requested', 143],
    ['was stopped by us while it waited', asked, {}, 'stop_requested', null],
    ['was stopped by an operator', { stopCode: 'UserInitiated', stoppedReason: 'x' }, done, 'stop_requested', 0],
    [
      'was stopped by us because of a Spot warning',
      { stopCode: 'UserInitiated', stoppedReason: STOP_REASONS.interrupted },
      { ...done, model: exited(143) },
      'interrupted',
      143,
    ],
    ['lost its Spot machine', { stopCode: 'SpotInterruption', stoppedReason: 'x' }, lost, 'interrupted', null],
    ['lost its machine', { stopCode: 'TerminationNotice' }, lost, 'interrupted', null],
    ['lost its machine, which failed', { stopCode: 'InfrastructureHealth' }, lost, 'interrupted', null],
    [
      'lost its machine without a code',
      { stoppedReason: 'Host EC2 (instance i-0ab) terminated.' },
      lost,
      'interrupted',
      null,
    ],
    [
      'lost its machine, which was stopped',
      { stoppedReason: 'Host EC2 (instance i-0ab) stopped.' },
      lost,
      'interrupted',
      null,
    ],
    [
      'lacked capacity',
      notStarted('Capacity is unavailable at this time. Please try again later.'),
      {},
      'no_capacity',
      null,
    ],
    ['lacked a GPU', notStarted('RESOURCE:GPU'), {}, 'no_capacity', null],
    ['lacked memory', notStarted('RESOURCE:MEMORY'), {}, 'no_capacity', null],
    ['lacked an agent', notStarted('AGENT'), {}, 'no_capacity', null],
    ['could not be prepared', notStarted('ResourceInitializationError: unable to pull secrets'), {}, 'unknown', null],
    ['was ended by a service', { stopCode: 'ServiceSchedulerInitiated' }, {}, 'unknown', null],
    ['ended without any reason', {}, lost, 'unknown', null],
    ['has a code that nobody knows yet', { stopCode: 'ANewCode', stoppedReason: 'x' }, lost, 'unknown', null],
  ])('and %s', (_what, given, containers, cause, exitCode) => {
    const seen = observe(aTask({ lastStatus: 'STOPPED', ...given }, containers));
    expect(seen).toEqual({ state: 'stopped', ref: ARN, cause, exitCode });
  });

  it('without ever having had a machine lacked capacity, whatever the words', () => {
    const task = taskOf({ taskArn: ARN, lastStatus: 'STOPPED', ...notStarted('words of tomorrow'), containers: [] });
    expect(observe(task)).toEqual({ state: 'stopped', ref: ARN, cause: 'no_capacity', exitCode: null });
  });
});

describe('a task as ECS shows it', () => {
  it('may leave out all that is not known yet, or say null', () => {
    const bare = { taskArn: ARN, lastStatus: 'PROVISIONING' };
    expect(parseEcsTask(bare)).toEqual(parseEcsTask({ ...bare, version: null, containers: null, startedBy: null }));
    expect(parseEcsTask({ ...bare, somethingNew: { deep: [1] } })).toEqual(parseEcsTask(bare));
    expect(parseEcsTask(bare)).toMatchObject({ version: 0, startedBy: null, containers: [] });
  });

  it.each([
    null,
    'text',
    [],
    {},
    { taskArn: ARN },
    { taskArn: 1, lastStatus: 'RUNNING' },
    { taskArn: ARN, lastStatus: 'RUNNING', containers: [1] },
  ])('is not %j', (value) => {
    expect(parseEcsTask(value)).toBeNull();
  });
});
