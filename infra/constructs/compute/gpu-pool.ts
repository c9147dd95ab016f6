import { REQUIRED_SETTINGS } from '@bpi/adapters-aws';
import { AutoscalingGroup } from '@cdktf/provider-aws/lib/autoscaling-group/index.js';
import { EcsCapacityProvider } from '@cdktf/provider-aws/lib/ecs-capacity-provider/index.js';
import { Construct } from 'constructs';
import type { GpuMachine } from './gpu-machine.ts';
import type { Network } from '../network/network.ts';
import type { StackContext } from '../stack-context.ts';

export type GpuPoolSettings = {
  kind: 'spot' | 'on-demand';
  /** Machines. */
  max: number;
  machine: GpuMachine;
  /** Whether a scale-in spares machines with tasks; whoever destroys the group has to lift it first. */
  terminationProtection: boolean;
  network: Network;
};

/** None while there are no jobs: ECS makes the machines for the tasks that wait, and ends them a while later. */
export class GpuPool extends Construct {
  /** Of the capacity provider, which is what jobs know it by. */
  readonly name: string;
  readonly groupName: string;
  readonly groupArn: string;
  /** Jobs at a time: every machine has one GPU. */
  readonly slots: number;

  constructor(scope: Construct, id: string, context: StackContext, settings: GpuPoolSettings) {
    super(scope, id);
    const { kind, max, machine, terminationProtection, network } = settings;
    const name = context.name(`gpu-${kind}`);
    const group = new AutoscalingGroup(this, 'group', {
      name,
      minSize: 0,
      desiredCapacity: 0,
      maxSize: max,
      // ECS's business as soon as the group is there.
      lifecycle: { ignoreChanges: ['desired_capacity'] },
      vpcZoneIdentifier: [...network.subnetIds],
      mixedInstancesPolicy: mixOf(machine, kind),
      healthCheckType: 'EC2',
      protectFromScaleIn: terminationProtection,
      // It would end a machine with a job on it for the sake of even zones, and to no warning of ours.
      suspendedProcesses: ['AZRebalance'],
      capacityRebalance: false,
      enabledMetrics: ['GroupInServiceInstances'],
      // Only `destroy-dev` ever deletes it; a group that waits for its machines would keep that from ending.
      forceDelete: true,
      tag: [
        // Without it in our hands, Terraform would take away the one that ECS puts there, and scaling from 0 would end.
        { key: 'AmazonECSManaged', value: 'true', propagateAtLaunch: true },
        { key: 'Name', value: name, propagateAtLaunch: true },
      ],
    });
    const provider = new EcsCapacityProvider(this, 'provider', {
      name,
      autoScalingGroupProvider: {
        autoScalingGroupArn: group.arn,
        managedDraining: REQUIRED_SETTINGS.capacityProvider.managedDraining,
        managedTerminationProtection: terminationProtection ? 'ENABLED' : 'DISABLED',
        managedScaling: {
          status: 'ENABLED',
          targetCapacity: 100,
          minimumScalingStepSize: 1,
          maximumScalingStepSize: max,
        },
      },
    });
    this.name = provider.name;
    this.groupName = group.name;
    this.groupArn = group.arn;
    this.slots = max;
  }
}

/** Without weights: capacity providers know none ("Amazon ECS capacity providers for the EC2 launch type"). */
function mixOf({ launchTemplateId, launchTemplateVersion, instanceTypes }: GpuMachine, kind: GpuPoolSettings['kind']) {
  return {
    instancesDistribution: {
      onDemandBaseCapacity: 0,
      onDemandPercentageAboveBaseCapacity: kind === 'spot' ? 0 : 100,
      onDemandAllocationStrategy: 'lowest-price',
      spotAllocationStrategy: 'price-capacity-optimized',
    },
    launchTemplate: {
      launchTemplateSpecification: { launchTemplateId, version: launchTemplateVersion },
      override: instanceTypes.map((instanceType) => ({ instanceType })),
    },
  };
}
