import { MODEL_ENV, weightsEnvironment, WORKSPACE, type ModelManifest, type ModelWeights } from '@bpi/job-contract';
import type Docker from 'dockerode';
import { taskRefOf, type AttemptId } from './attempt-folder.ts';

export const LABELS = { platform: 'bpi.platform', job: 'bpi.job', epoch: 'bpi.epoch' } as const;

const MiB = 1024 * 1024;
const NANO = 1e9;

/** The engine keeps this much of what a model writes to stdout and stderr: the newest. */
const LOG_MAX_SIZE = '1m';

/**
 * Room above the limit of the whole folder for a single file, so that one file that grows until the kernel stops it
 * is still seen as too large when it is measured.
 */
const FILE_HEADROOM_BYTES = 1 * MiB;

export type HostFacts = { cpus: number; hasNvidia: boolean };

export type ContainerPlan = {
  attempt: AttemptId;
  /** Image id (`sha256:…`), so that a tag that moved meanwhile changes nothing. */
  image: string;
  resources: ModelManifest['resources'];
  host: HostFacts;
  platform: string;
  user: { uid: number; gid: number };
  outputBytesMax: number;
  /** Absolute folders on the host. */
  mounts: { inputs: string; outputs: string };
  /** Null = the manifest names none. `folder` = where they lie on the host, absolute; null = nowhere. */
  weights: (ModelWeights & { folder: string | null }) | null;
};

/**
 * Everything a model container is given and denied. A pure value, so that a test can look at every line.
 * Options: Docker Engine API v1.41, POST /containers/create.
 */
export function buildContainerOptions(plan: ContainerPlan): Docker.ContainerCreateOptions & { name: string } {
  const { attempt, resources, host, user } = plan;
  const usesGpu = resources.gpu !== 'none' && host.hasNvidia;
  // The engine refuses more CPUs than the host has; a smaller host is slower, not wrong.
  const cpus = Math.min(resources.cpus, host.cpus);
  const fileBytesMax = plan.outputBytesMax + FILE_HEADROOM_BYTES;
  return {
    name: taskRefOf(attempt),
    Image: plan.image,
    User: `${user.uid}:${user.gid}`,
    WorkingDir: WORKSPACE.root,
    Env: environmentOf(plan, { cpus, usesGpu }),
    Labels: { [LABELS.platform]: plan.platform, [LABELS.job]: attempt.jobId, [LABELS.epoch]: String(attempt.epoch) },
    AttachStdin: false,
    OpenStdin: false,
    Tty: false,
    StopSignal: 'SIGTERM',
    HostConfig: {
      Mounts: [
        { Type: 'bind', Source: plan.mounts.inputs, Target: WORKSPACE.inputs, ReadOnly: true },
        { Type: 'bind', Source: plan.mounts.outputs, Target: WORKSPACE.outputs, ReadOnly: false },
        ...weightsMounts(plan.weights),
      ],
      NetworkMode: 'none',
      IpcMode: 'private',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      Memory: resources.memory_mib * MiB,
      MemorySwap: resources.memory_mib * MiB, // the same: no swap
      OomKillDisable: false,
      NanoCpus: Math.round(cpus * NANO),
      PidsLimit: resources.pids,
      ShmSize: resources.shm_mib * MiB,
      // `exec`: compilers of GPU kernels load what they wrote there. A plain mode=1777 is ignored by the engine.
      Tmpfs: { '/tmp': `rw,exec,nosuid,nodev,uid=${user.uid},gid=${user.gid},mode=0700,size=${resources.tmp_mib}m` },
      Ulimits: [
        { Name: 'core', Soft: 0, Hard: 0 }, // a core dump would hold the volume
        { Name: 'fsize', Soft: fileBytesMax, Hard: fileBytesMax },
      ],
      // As process 1 a shell would ignore SIGTERM and reap no children. Debian's engine brings its init (package tini).
      Init: true,
      // The exit code of a container that removes itself can be lost.
      AutoRemove: false,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': LOG_MAX_SIZE, 'max-file': '1' } },
      ...(usesGpu ? { DeviceRequests: [{ Driver: 'nvidia', Count: 1, Capabilities: [['gpu']] }] } : {}),
    },
  };
}

/** Without its folder the engine would refuse the container; so the model starts, and says that its weights are missing. */
function weightsMounts(weights: ContainerPlan['weights']): Docker.MountSettings[] {
  if (weights === null || weights.folder === null) return [];
  return [{ Type: 'bind', Source: weights.folder, Target: WORKSPACE.weights, ReadOnly: true }];
}

function environmentOf({ attempt, weights }: ContainerPlan, given: { cpus: number; usesGpu: boolean }): string[] {
  return Object.entries({
    [MODEL_ENV.jobId]: attempt.jobId,
    [MODEL_ENV.attempt]: String(attempt.epoch),
    [MODEL_ENV.inputDir]: WORKSPACE.inputs,
    [MODEL_ENV.outputDir]: WORKSPACE.outputs,
    // Inside the container the one device it gets is always number 0; empty hides all.
    [MODEL_ENV.cudaVisibleDevices]: given.usesGpu ? '0' : '',
    [MODEL_ENV.ompThreads]: String(Math.max(1, Math.floor(given.cpus))),
    ...weightsEnvironment(weights),
  }).map(([name, value]) => `${name}=${value}`);
}
