/** Sizes of the g4dn, g5 and g6 families with one GPU. Memory: MiB that ECS can give to tasks, below the nominal size. */
export const INSTANCE_SIZES = {
  xlarge: { vcpus: 4, memoryMiB: 14_500 },
  '2xlarge': { vcpus: 8, memoryMiB: 30_000 },
  '4xlarge': { vcpus: 16, memoryMiB: 61_000 },
  '8xlarge': { vcpus: 32, memoryMiB: 124_000 },
} as const;
export type InstanceSize = keyof typeof INSTANCE_SIZES;
export const INSTANCE_SIZE_NAMES = Object.keys(INSTANCE_SIZES) as [InstanceSize, ...InstanceSize[]]; // keys of a literal

/** MiB of the one GPU: NVIDIA T4, A10G and L4, as `nvidia-smi` tells them ("Amazon EC2 instance types": 16, 24 and 24 GB). */
export const GPU_MEMORY_MIB = { g4dn: 15_360, g5: 23_028, g6: 23_034 } as const;
export type GpuFamily = keyof typeof GPU_MEMORY_MIB;
export const GPU_FAMILIES = Object.keys(GPU_MEMORY_MIB) as [GpuFamily, ...GpuFamily[]]; // keys of a literal
