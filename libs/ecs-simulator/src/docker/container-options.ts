import type Docker from 'dockerode';
import type { ContainerPlan } from '../container-engine.ts';

export const LABELS = {
  simulator: 'ecs-simulator',
  task: 'ecs-simulator.task',
  container: 'ecs-simulator.container',
} as const;

const MiB = 1024 * 1024;

/** The agent gives this to a container without CPU units; the kernel allows no less (ECS, `ContainerDefinition.cpu`). */
const CPU_SHARES_MIN = 2;

/** The engine keeps this much of what a container writes to stdout and stderr: the newest. */
const LOG_MAX_SIZE = '1m';

type Named = { label: string; taskId: string };

export function containerNameOf({ label, taskId, name }: Named & { name: string }): string {
  return `ecs-${label}-${taskId}-${name}`;
}

export function volumeNameOf({ label, taskId, volume }: Named & { volume: string }): string {
  return `ecs-${label}-${taskId}-${volume}`;
}

export function labelsOf({ label, taskId }: Named): Record<string, string> {
  return { [LABELS.simulator]: label, [LABELS.task]: taskId };
}

/**
 * A container of a task in the engine's words (Docker Engine API v1.41, POST /containers/create). What the task
 * definition leaves out is left out here too, so that the image decides, as on ECS.
 * @param imageId `sha256:…`, so that a tag that moves meanwhile changes nothing.
 */
export function buildContainerOptions(
  plan: ContainerPlan,
  { label, imageId }: { label: string; imageId: string },
): Docker.ContainerCreateOptions & { name: string } {
  const named = { label, taskId: plan.taskId };
  return {
    name: containerNameOf({ ...named, name: plan.name }),
    Image: imageId,
    ...(plan.entryPoint === null ? {} : { Entrypoint: [...plan.entryPoint] }),
    ...(plan.command === null ? {} : { Cmd: [...plan.command] }),
    ...(plan.workingDirectory === null ? {} : { WorkingDir: plan.workingDirectory }),
    ...(plan.user === null ? {} : { User: plan.user }),
    Env: Object.entries(plan.environment).map(([key, value]) => `${key}=${value}`),
    Labels: { ...labelsOf(named), [LABELS.container]: plan.name },
    AttachStdin: false,
    OpenStdin: false,
    Tty: false,
    HostConfig: buildHostConfig(plan, label),
  };
}

function buildHostConfig(plan: ContainerPlan, label: string): Docker.HostConfig {
  const memoryBytes = plan.memoryMiB === null ? null : plan.memoryMiB * MiB;
  return {
    // A volume and not a folder: the engine fills an empty volume from the image, with its owners.
    Mounts: plan.mounts.map(({ volume, containerPath, readOnly }) => ({
      Type: 'volume',
      Source: volumeNameOf({ label, taskId: plan.taskId, volume }),
      Target: containerPath,
      ReadOnly: readOnly,
    })),
    Tmpfs: Object.fromEntries(
      plan.tmpfs.map(({ containerPath, sizeMiB, options }) => [
        containerPath,
        [`size=${sizeMiB}m`, ...options].join(','),
      ]),
    ),
    NetworkMode: plan.network,
    ReadonlyRootfs: plan.readonlyRootFilesystem,
    Privileged: false,
    CapDrop: [...plan.capabilitiesDropped],
    SecurityOpt: [...plan.securityOptions],
    Ulimits: plan.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    Init: plan.initProcessEnabled,
    CpuShares: Math.max(CPU_SHARES_MIN, plan.cpuUnits),
    ...(memoryBytes === null ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }), // the same: no swap
    ...(plan.sharedMemoryMiB === null ? {} : { ShmSize: plan.sharedMemoryMiB * MiB }),
    // The exit code of a container that removes itself can be lost.
    AutoRemove: false,
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'json-file', Config: { 'max-size': LOG_MAX_SIZE, 'max-file': '1' } },
  };
}
