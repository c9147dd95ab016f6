import { randomUUID } from 'node:crypto';
import { EcsError } from '../ecs-error.ts';
import type { Instance } from '../instance.ts';
import * as schemas from '../schemas/request-schemas.ts';
import { instancesOf } from '../world.ts';
import { operation } from './operation.ts';

/** What the platform asks of EC2 Auto Scaling. */
export const autoScalingOperations = {
  /** Asynchronous: the instance is Terminating for a while. The group starts another one only if tasks wait. */
  TerminateInstanceInAutoScalingGroup: operation(schemas.terminateInstance, (world, { InstanceId }) => {
    const instance = instancesOf(world).find(({ id }) => id === InstanceId);
    const group = instance === undefined ? undefined : world.groups.get(instance.group.name);
    if (instance === undefined || group === undefined)
      throw new EcsError('ValidationError', 'Instance Id not found - No managed instance found for the instance ID');
    instance.lifecycle = 'Terminating';
    world.after(world.settings.terminationMs, () => group.terminate(instance, 'TerminationNotice'));
    return {
      Activity: {
        ActivityId: randomUUID(),
        AutoScalingGroupName: instance.group.name,
        Description: `Terminating EC2 instance: ${instance.id}`,
        Cause: 'The instance was taken out of service in response to a user request.',
        StartTime: new Date(world.settings.nowMs()),
        StatusCode: 'InProgress',
        Progress: 0,
      },
    };
  }),

  /** Instances that are gone are left out. */
  DescribeAutoScalingInstances: operation(schemas.describeAutoScalingInstances, (world, { InstanceIds }) => ({
    AutoScalingInstances: instancesOf(world)
      .filter(({ id }) => InstanceIds === undefined || InstanceIds.includes(id))
      .map((instance) => describe(instance, `${world.arns.region}a`)),
  })),
};

function describe({ id, group, lifecycle }: Instance, availabilityZone: string) {
  return {
    InstanceId: id,
    AutoScalingGroupName: group.name,
    AvailabilityZone: availabilityZone,
    LifecycleState: lifecycle,
    HealthStatus: 'HEALTHY',
    ProtectedFromScaleIn: false,
  };
}
