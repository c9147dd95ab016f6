import type { JobContainer } from '@bpi/adapters-aws';
import type { ModelManifest } from '@bpi/job-contract';
import { GPU_MEMORY_MIB, INSTANCE_SIZES, type GpuFamily, type InstanceSize } from './gpu-instances.ts';

export type MachineSize = { size: InstanceSize; families: readonly GpuFamily[] };

const CPU_UNITS = 1_024;

/**
 * Refuses what ECS would accept and never place: such a task waits, starts no machine, and is gone after a while.
 * @throws Error that names the model, what it asks for, and the setting that gives less.
 */
export function checkFit({ name, resources }: ModelManifest, containers: JobContainer[], machine: MachineSize): void {
  const { memoryMiB, vcpus } = INSTANCE_SIZES[machine.size];
  const memory = sum(containers.map((container) => container.memory));
  if (memory > memoryMiB) {
    throw new Error(
      `The task of ${name} needs ${memory} MiB with its stages and gpu.size ${machine.size} has ${memoryMiB}: ` +
        'choose a larger gpu.size, or lower resources.memory_mib in its model.json.',
    );
  }
  const cpu = sum(containers.map((container) => container.cpu));
  if (cpu > vcpus * CPU_UNITS) {
    throw new Error(
      `The task of ${name} needs ${cpu / CPU_UNITS} CPUs and gpu.size ${machine.size} has ${vcpus}: ` +
        'choose a larger gpu.size, or lower resources.cpus in its model.json.',
    );
  }
  for (const family of machine.families) {
    if (resources.gpu_memory_mib > GPU_MEMORY_MIB[family]) {
      throw new Error(
        `The model ${name} needs ${resources.gpu_memory_mib} MiB of GPU memory and the GPU of ${family} has ` +
          `${GPU_MEMORY_MIB[family]}: take ${family} out of gpu.families, or lower resources.gpu_memory_mib.`,
      );
    }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
