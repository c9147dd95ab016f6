import { LIMITS, MODEL_ENV, weightsEnvironment, WORKSPACE, type ModelManifest } from '@bpi/job-contract';
import type { JobContainer, JobTaskDefinition } from './job-task-definition.ts';
import { buildModelCommand } from './model-command.ts';
import { STAGER_ENV } from './stager-env.ts';
import { TASK_CONTAINERS, TASK_FILES, TASK_FOLDERS, TASK_USER } from './task-layout.ts';

export type JobTaskSettings = {
  manifest: ModelManifest;
  family: string;
  /**
   * Each ends in its digest (or is one, where an engine knows its images by that), so that a tag that moves changes
   * nothing. The model's goes into the result, so that a mask names the code it came from.
   */
  images: { stager: string; model: string };
  region: string;
  bucket: string;
  taskEventsQueueUrl: string;
  /** ARNs. The model shares the task's role by name only: without a network it cannot ask for its credentials. */
  roles: { task: string; execution: string };
  /** CloudWatch group for the stager's own events; null = the machine keeps them. The model's output never goes there. */
  logGroup: string | null;
  /** A folder of the machine with the file that the manifest names as its weights; read-only. Null = it has none. */
  weights: { sourcePath: string } | null;
  outputBytesMax: number;
  /** How long after stage-in the model may take to start; longer than the slowest pull of its image. */
  startDeadlineMs: number;
  /** SIGTERM to SIGKILL of each container, seconds. Default: 30. */
  stopTimeoutS?: number;
};

const MiB = 1024 * 1024;
const CPU_UNITS = 1_024;
/** Well within the two minutes of a Spot notice, and longer than any stage goes on after SIGTERM. */
const STOP_TIMEOUT_S = 30;

/** It copies. */
const STAGE_IN_MEMORY_MIB = 1_024;
/** Stage-out holds the largest mask there may be, two bytes a voxel for instances, and works beside it. */
const STAGE_OUT_MEMORY_MIB = (2 * LIMITS.voxelsMax) / MiB + 1_024;

/** ECS's limit of a whole definition. */
const DEFINITION_BYTES_MAX = 64 * 1024;
const LOG_GRACE_S = 2;
const STAGER_TMP_MIB = 64;
/** They wait and copy; taken from the model's share, so that a task asks for what its manifest says. */
const STAGER_CPU_UNITS = 64;
const MODEL_CPU_UNITS_MIN = 128;
/** One file may be this much larger than the whole folder, so that a file that grows is seen as too large. */
const FILE_HEADROOM_BYTES = 1 * MiB;
/**
 * ECS has no limit of processes per container. `nproc` counts all processes and threads of a user on the machine, also
 * those of other tasks, so it must leave room for them: it stops a fork bomb, no more. What a manifest asks for exactly
 * is a setting of the machine's agent (ECS_TASK_PIDS_LIMIT), for each whole task.
 */
const NPROC = { tasksPerMachineMax: 8, stagerThreadsMax: 64 } as const;

/** ECS holds a limit in 32 bits with a sign, so a file cannot be allowed 2 GiB (the SDK's model of `Ulimit`: Integer). */
const ULIMIT_MAX = 2 ** 31 - 1;

const DIGEST = /(?:^|@)(sha256:[0-9a-f]{64})$/;

const VOLUMES = { inputs: 'inputs', outputs: 'outputs', logs: 'logs', control: 'control', weights: 'weights' } as const;

/**
 * The task of every attempt with one version of a model: stage-in, then the model, and stage-out beside it. Only
 * stage-out is essential, so the task ends when its results are stored. A pure value: what a test and the
 * infrastructure see is what ECS gets.
 */
export function buildJobTask(settings: JobTaskSettings): JobTaskDefinition {
  for (const image of Object.values(settings.images)) digestOf(image);
  if (settings.outputBytesMax + FILE_HEADROOM_BYTES > ULIMIT_MAX) {
    throw new Error(`a limit of ${settings.outputBytesMax} bytes for the outputs is more than ECS can hold: lower it`);
  }
  const { weights } = settings;
  const definition: JobTaskDefinition = {
    family: settings.family,
    networkMode: 'bridge',
    requiresCompatibilities: ['EC2'],
    runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
    taskRoleArn: settings.roles.task,
    executionRoleArn: settings.roles.execution,
    volumes: [
      ...[VOLUMES.inputs, VOLUMES.outputs, VOLUMES.logs, VOLUMES.control].map((name) => ({ name, host: {} })),
      ...(weights === null ? [] : [{ name: VOLUMES.weights, host: { sourcePath: weights.sourcePath } }]),
    ],
    containerDefinitions: [stageIn(settings), model(settings), stageOut(settings)],
  };
  const bytes = Buffer.byteLength(JSON.stringify(definition));
  if (bytes >= DEFINITION_BYTES_MAX) {
    throw new Error(`the definition has ${bytes} bytes, and ECS takes less than 64 KiB: shorten the model.json`);
  }
  return definition;
}

function stageIn(settings: JobTaskSettings): JobContainer {
  return {
    ...stage(settings, TASK_CONTAINERS.stageIn),
    // ECS demands it of a container whose SUCCESS another one waits for.
    essential: false,
    dependsOn: [],
    memory: STAGE_IN_MEMORY_MIB,
  };
}

function stageOut(settings: JobTaskSettings): JobContainer {
  return {
    ...stage(settings, TASK_CONTAINERS.stageOut),
    essential: true,
    // After the first container that mounts the volumes, whose image says who owns them.
    dependsOn: [{ containerName: TASK_CONTAINERS.stageIn, condition: 'START' }],
    memory: STAGE_OUT_MEMORY_MIB,
  };
}

type Stage = typeof TASK_CONTAINERS.stageIn | typeof TASK_CONTAINERS.stageOut;

function stage(settings: JobTaskSettings, name: Stage) {
  const { fixed } = STAGER_ENV;
  const { logGroup, region } = settings;
  return {
    ...hardened(STAGER_TMP_MIB, 'noexec'),
    name,
    image: settings.images.stager,
    command: [name],
    environment: pairs({
      [fixed.manifest]: JSON.stringify(settings.manifest),
      [fixed.imageDigest]: digestOf(settings.images.model),
      [fixed.bucket]: settings.bucket,
      [fixed.taskEventsQueueUrl]: settings.taskEventsQueueUrl,
      [fixed.startDeadlineMs]: String(settings.startDeadlineMs),
      [fixed.outputBytesMax]: String(settings.outputBytesMax),
      [fixed.region]: region,
    }),
    cpu: STAGER_CPU_UNITS,
    stopTimeout: settings.stopTimeoutS ?? STOP_TIMEOUT_S,
    ulimits: [limit('core', 0)],
    mountPoints: (['inputs', 'outputs', 'logs', 'control'] as const).map((volume) => mount(volume, 'writable')),
    logConfiguration:
      logGroup === null
        ? KEPT_ON_MACHINE
        : {
            logDriver: 'awslogs' as const,
            options: {
              'awslogs-group': logGroup,
              'awslogs-region': region,
              'awslogs-stream-prefix': settings.family,
              // A slow CloudWatch must not hold up a container that logs.
              mode: 'non-blocking',
              'max-buffer-size': '4m',
            },
          },
  };
}

function model(settings: JobTaskSettings): JobContainer {
  const { resources } = settings.manifest;
  const usesGpu = resources.gpu !== 'none';
  const { shm_mib: sharedMemorySize, tmp_mib: tmpMiB, pids, memory_mib: memory } = resources;
  // `exec`: compilers of GPU kernels load what they wrote there.
  const base = hardened(tmpMiB, 'exec');
  return {
    ...base,
    name: TASK_CONTAINERS.model,
    image: settings.images.model,
    essential: false,
    dependsOn: [{ containerName: TASK_CONTAINERS.stageIn, condition: 'SUCCESS' }],
    entryPoint: buildModelCommand({
      logFile: TASK_FILES.logs,
      logBytesMax: LIMITS.modelLogBytesMax,
      scratch: '/tmp',
      logGraceS: LOG_GRACE_S,
    }),
    workingDirectory: WORKSPACE.root,
    environment: modelEnvironment(settings.manifest, usesGpu),
    cpu: Math.max(MODEL_CPU_UNITS_MIN, Math.floor(resources.cpus * CPU_UNITS) - 2 * STAGER_CPU_UNITS),
    memory,
    disableNetworking: true,
    linuxParameters: { ...base.linuxParameters, sharedMemorySize },
    ulimits: [
      limit('core', 0), // a core dump would hold the volume
      limit('fsize', settings.outputBytesMax + FILE_HEADROOM_BYTES),
      limit('nproc', NPROC.tasksPerMachineMax * (pids + NPROC.stagerThreadsMax)),
    ],
    ...(usesGpu ? { resourceRequirements: [{ type: 'GPU' as const, value: '1' }] } : {}),
    mountPoints: [
      mount('inputs', 'read-only'),
      mount('outputs', 'writable'),
      mount('logs', 'writable'),
      ...(settings.weights === null
        ? []
        : [{ sourceVolume: VOLUMES.weights, containerPath: WORKSPACE.weights, readOnly: true }]),
    ],
    stopTimeout: settings.stopTimeoutS ?? STOP_TIMEOUT_S,
    // ECS knows no driver `none`. Nothing comes here: the entry point writes all output to a file.
    logConfiguration: KEPT_ON_MACHINE,
  };
}

/** JOB_ID and JOB_ATTEMPT come with the launch. */
function modelEnvironment({ resources, weights }: ModelManifest, usesGpu: boolean): { name: string; value: string }[] {
  return pairs({
    [MODEL_ENV.inputDir]: WORKSPACE.inputs,
    [MODEL_ENV.outputDir]: WORKSPACE.outputs,
    // Inside the container the one device it gets is always number 0; empty hides all.
    [MODEL_ENV.cudaVisibleDevices]: usesGpu ? '0' : '',
    [MODEL_ENV.ompThreads]: String(Math.max(1, Math.floor(resources.cpus))),
    ...weightsEnvironment(weights),
    // Images that are not built on NVIDIA's must ask for the driver's libraries.
    ...(usesGpu ? { NVIDIA_DRIVER_CAPABILITIES: 'utility,compute' } : {}),
  });
}

/** What every container is denied. */
function hardened(tmpMiB: number, tmpUse: 'exec' | 'noexec') {
  const { uid, gid } = TASK_USER;
  return {
    user: `${uid}:${gid}`,
    privileged: false as const,
    readonlyRootFilesystem: true as const,
    dockerSecurityOptions: ['no-new-privileges'],
    linuxParameters: {
      // As process 1 a shell would ignore SIGTERM and reap no children.
      initProcessEnabled: true as const,
      capabilities: { drop: ['ALL'] },
      tmpfs: [
        {
          containerPath: '/tmp',
          size: tmpMiB,
          mountOptions: ['rw', tmpUse, 'nosuid', 'nodev', `uid=${uid}`, `gid=${gid}`, 'mode=0700'],
        },
      ],
    },
  };
}

const KEPT_ON_MACHINE = { logDriver: 'json-file' as const, options: { 'max-size': '1m', 'max-file': '1' } };

function mount(volume: 'inputs' | 'outputs' | 'logs' | 'control', access: 'read-only' | 'writable') {
  return { sourceVolume: VOLUMES[volume], containerPath: TASK_FOLDERS[volume], readOnly: access === 'read-only' };
}

function digestOf(image: string): string {
  const digest = DIGEST.exec(image)?.[1];
  if (digest === undefined) throw new Error('the image of a stage or model must end in @sha256:…: add its digest');
  return digest;
}

function limit<Name extends string>(name: Name, value: number) {
  return { name, softLimit: value, hardLimit: value };
}

function pairs(values: Record<string, string>): { name: string; value: string }[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}
