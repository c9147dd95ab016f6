import { containerInstancesOf, type Answer, type World } from '../world.ts';
import type { CapacityProvider, Cluster } from '../clusters.ts';
import * as schemas from '../schemas/request-schemas.ts';
import { pageOf } from '../page.ts';
import { operation } from './operation.ts';

export const clusterOperations = {
  CreateCluster: operation(schemas.createCluster, (world, input) => {
    const cluster = world.clusters.create(input.clusterName ?? 'default');
    if (input.capacityProviders !== undefined)
      world.clusters.associate(cluster, input.capacityProviders, input.defaultCapacityProviderStrategy ?? []);
    return { cluster: describeCluster(world, cluster) };
  }),

  DescribeClusters: operation(schemas.describeClusters, (world, { clusters = ['default'] }) => {
    const found = clusters.map((reference) => ({ reference, cluster: world.clusters.find(reference) }));
    return {
      clusters: found.flatMap(({ cluster }) => (cluster === null ? [] : [describeCluster(world, cluster)])),
      failures: found
        .filter(({ cluster }) => cluster === null)
        .map(({ reference }) => ({ arn: world.arns.cluster(reference), reason: 'MISSING' })),
    };
  }),

  CreateCapacityProvider: operation(schemas.createCapacityProvider, (world, input) => {
    const { autoScalingGroupArn, managedScaling } = input.autoScalingGroupProvider;
    // Without a word about it managed scaling is off, as in ECS.
    const managed = managedScaling !== undefined && managedScaling.status !== 'DISABLED';
    const provider = world.clusters.createProvider(input.name, autoScalingGroupArn, managed);
    return { capacityProvider: describeProvider(provider) };
  }),

  DescribeCapacityProviders: operation(schemas.describeCapacityProviders, (world, input) => {
    const asked = input.capacityProviders ?? world.clusters.providers.map(({ name }) => name);
    const found = asked.map((reference) => ({ reference, provider: world.clusters.findProvider(reference) }));
    const known = found.flatMap(({ provider }) => (provider === null ? [] : [provider]));
    const { page, nextToken } = pageOf(
      known.map(({ name }) => name),
      input,
    );
    return {
      capacityProviders: known.filter(({ name }) => page.includes(name)).map(describeProvider),
      failures: found
        .filter(({ provider }) => provider === null)
        .map(({ reference }) => ({ arn: world.arns.capacityProvider(reference), reason: 'MISSING' })),
      nextToken,
    };
  }),

  PutClusterCapacityProviders: operation(schemas.putClusterCapacityProviders, (world, input) => {
    const cluster = world.clusters.get(input.cluster);
    world.clusters.associate(cluster, input.capacityProviders, input.defaultCapacityProviderStrategy);
    return { cluster: describeCluster(world, cluster) };
  }),
};

function describeCluster(world: World, cluster: Cluster): Answer {
  const tasks = world.tasks.all().filter(({ task }) => task.clusterArn === cluster.arn);
  const count = (...statuses: string[]) => tasks.filter(({ task }) => statuses.includes(task.lastStatus)).length;
  return {
    clusterArn: cluster.arn,
    clusterName: cluster.name,
    status: 'ACTIVE',
    registeredContainerInstancesCount: containerInstancesOf(world, cluster.name).length,
    runningTasksCount: count('RUNNING'),
    pendingTasksCount: count('PENDING', 'ACTIVATING'),
    activeServicesCount: 0,
    capacityProviders: cluster.capacityProviders,
    defaultCapacityProviderStrategy: cluster.defaultStrategy,
    settings: [],
    statistics: [],
    tags: [],
  };
}

function describeProvider(provider: CapacityProvider): Answer {
  return {
    capacityProviderArn: provider.arn,
    name: provider.name,
    status: 'ACTIVE',
    autoScalingGroupProvider: {
      autoScalingGroupArn: provider.autoScalingGroupArn,
      managedScaling: { status: provider.managedScaling ? 'ENABLED' : 'DISABLED' },
    },
    tags: [],
  };
}
