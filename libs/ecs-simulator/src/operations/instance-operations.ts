import { lastPart } from '../arns.ts';
import { invalidParameter } from '../ecs-error.ts';
import { describeInstance, type Instance } from '../instance.ts';
import { pageOf } from '../page.ts';
import * as schemas from '../schemas/request-schemas.ts';
import { containerInstancesOf, type World } from '../world.ts';
import { operation } from './operation.ts';

export const instanceOperations = {
  ListContainerInstances: operation(schemas.listContainerInstances, (world, input) => {
    const cluster = world.clusters.get(input.cluster);
    const wanted = input.filter === undefined ? null : ec2IdsOf(input.filter);
    const arns = containerInstancesOf(world, cluster.name)
      .filter(({ id }) => wanted === null || wanted.includes(id))
      .filter(({ status }) => input.status === undefined || input.status === status)
      .map(({ containerInstanceArn }) => containerInstanceArn);
    const { page, nextToken } = pageOf(arns, input);
    return { containerInstanceArns: page, nextToken };
  }),

  DescribeContainerInstances: operation(schemas.describeContainerInstances, (world, input) => {
    const { found, failures } = lookUp(world, input.cluster, input.containerInstances);
    return { containerInstances: found.map(describeInstance), failures };
  }),

  /** DRAINING takes no new tasks. Standalone tasks run on, as in ECS. */
  UpdateContainerInstancesState: operation(schemas.updateContainerInstancesState, (world, input) => {
    const { found, failures } = lookUp(world, input.cluster, input.containerInstances);
    for (const instance of found) {
      instance.status = input.status;
      instance.version += 1;
    }
    for (const group of world.groups.values()) group.settle();
    return { containerInstances: found.map(describeInstance), failures };
  }),
};

function lookUp(world: World, clusterReference: string | undefined, references: readonly string[]) {
  const cluster = world.clusters.get(clusterReference);
  const instances = containerInstancesOf(world, cluster.name);
  const found: Instance[] = [];
  const failures: { arn: string; reason: string }[] = [];
  for (const reference of references) {
    const id = lastPart(reference);
    const instance = instances.find(({ containerInstanceArn }) => lastPart(containerInstanceArn) === id);
    if (instance === undefined)
      failures.push({ arn: world.arns.containerInstance(cluster.name, id), reason: 'MISSING' });
    else found.push(instance);
  }
  return { found, failures };
}

const EC2_ID = 'i-[0-9a-f]+';
const ONE = new RegExp(`^ec2InstanceId\\s*==\\s*(?<ids>${EC2_ID})$`);
const SOME = new RegExp(`^ec2InstanceId\\s+in\\s+\\[(?<ids>\\s*${EC2_ID}(\\s*,\\s*${EC2_ID})*\\s*)\\]$`);

/** Of the cluster query language only the question for EC2 instances is simulated. */
function ec2IdsOf(filter: string): string[] {
  const ids = (ONE.exec(filter.trim()) ?? SOME.exec(filter.trim()))?.groups?.['ids'];
  if (ids === undefined)
    throw invalidParameter('Only the filters "ec2InstanceId == i-…" and "ec2InstanceId in [i-…, …]" are simulated.');
  return ids.split(',').map((id) => id.trim());
}
