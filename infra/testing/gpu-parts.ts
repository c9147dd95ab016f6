import type { Construct } from 'constructs';
import { Cluster } from '../constructs/compute/cluster.ts';
import { GpuMachine, type GpuMachineSettings } from '../constructs/compute/gpu-machine.ts';
import { GpuPool, type GpuPoolSettings } from '../constructs/compute/gpu-pool.ts';
import { Network } from '../constructs/network/network.ts';
import type { StackContext } from '../constructs/stack-context.ts';
import { synthesizeConstruct, type SynthesizedStack } from './synth-construct.ts';

export type PoolChanges = {
  mode?: 'endpoints' | 'public';
  machine?: Partial<GpuMachineSettings>;
  pool?: Partial<GpuPoolSettings>;
  context?: Partial<StackContext>;
};

/** A pool of Spot machines with all that it needs; `changes` say what a test is about. */
export function aGpuPool(scope: Construct, context: StackContext, changes: PoolChanges = {}): GpuPool {
  const network = new Network(scope, 'network', context, {
    mode: changes.mode ?? 'endpoints',
    cidr: '10.20.0.0/16',
    zoneIds: ['use1-az1', 'use1-az2'],
    flowLogs: false,
  });
  const machine = new GpuMachine(scope, 'machine', context, {
    cluster: new Cluster(scope, 'cluster', context, { containerInsights: false }),
    network,
    size: 'xlarge',
    families: ['g4dn', 'g5'],
    rootVolumeGiB: 120,
    weights: { 'brain-mri': { file: 'unet.pt', sha256: 'a'.repeat(64) } },
    weightsBucketName: 'bpi-weights-ours',
    ...changes.machine,
  });
  const settings = { kind: 'spot', max: 1, machine, terminationProtection: false, network } as const;
  return new GpuPool(scope, 'pool', context, { ...settings, ...changes.pool });
}

export function synthesizedPool(changes: PoolChanges = {}): SynthesizedStack {
  return synthesizeConstruct((scope, context) => {
    aGpuPool(scope, context, changes);
  }, changes.context);
}
