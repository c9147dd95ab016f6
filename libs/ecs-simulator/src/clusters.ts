import type { Arns } from './arns.ts';
import { lastPart } from './arns.ts';
import type { AutoScalingGroup } from './auto-scaling-group.ts';
import { clientError, EcsError, invalidParameter } from './ecs-error.ts';
import type { StrategyItem } from './schemas/request-schemas.ts';

export type Cluster = {
  readonly arn: string;
  readonly name: string;
  capacityProviders: readonly string[];
  defaultStrategy: readonly StrategyItem[];
};

export type CapacityProvider = {
  readonly arn: string;
  readonly name: string;
  readonly group: AutoScalingGroup;
  readonly autoScalingGroupArn: string;
  /** Off: a task that finds no room is refused at once instead of waiting. */
  readonly managedScaling: boolean;
};

const CLUSTERS_MAX = 1_000;
const CAPACITY_PROVIDERS_MAX = 1_000;

/** The clusters, and the capacity providers that they may use. */
export class Clusters {
  readonly #arns: Arns;
  readonly #groups: ReadonlyMap<string, AutoScalingGroup>;
  readonly #clusters = new Map<string, Cluster>();
  readonly #providers = new Map<string, CapacityProvider>();

  constructor(arns: Arns, groups: ReadonlyMap<string, AutoScalingGroup>) {
    this.#arns = arns;
    this.#groups = groups;
  }

  get all(): Cluster[] {
    return [...this.#clusters.values()];
  }

  /** Making a cluster that exists changes nothing, as in ECS. */
  create(name: string): Cluster {
    const known = this.#clusters.get(name);
    if (known !== undefined) return known;
    if (this.#clusters.size >= CLUSTERS_MAX) throw new EcsError('LimitExceededException', 'Too many clusters.');
    const cluster = { arn: this.#arns.cluster(name), name, capacityProviders: [], defaultStrategy: [] };
    this.#clusters.set(name, cluster);
    return cluster;
  }

  find(reference: string): Cluster | null {
    return this.#clusters.get(lastPart(reference)) ?? null;
  }

  /** Without a name it is the one called `default`. Throws ClusterNotFoundException. */
  get(reference: string | undefined): Cluster {
    const cluster = this.find(reference ?? 'default');
    if (cluster === null) throw new EcsError('ClusterNotFoundException', 'Cluster not found.');
    return cluster;
  }

  createProvider(name: string, autoScalingGroupArn: string, managedScaling: boolean): CapacityProvider {
    const group = this.#groups.get(lastPart(autoScalingGroupArn));
    if (group === undefined)
      throw clientError('The Auto Scaling group does not exist: name it in the autoScalingGroups of the simulator.');
    if (this.#providers.has(name))
      throw clientError('A capacity provider of this name exists already: choose another name.');
    if (group.capacityProviderName !== null)
      throw clientError('The Auto Scaling group belongs to another capacity provider: name another group.');
    if (this.#providers.size >= CAPACITY_PROVIDERS_MAX)
      throw new EcsError('LimitExceededException', 'Too many capacity providers.');
    const provider = { arn: this.#arns.capacityProvider(name), name, group, autoScalingGroupArn, managedScaling };
    group.capacityProviderName = name;
    this.#providers.set(name, provider);
    return provider;
  }

  findProvider(reference: string): CapacityProvider | null {
    return this.#providers.get(lastPart(reference)) ?? null;
  }

  get providers(): CapacityProvider[] {
    return [...this.#providers.values()];
  }

  associate(cluster: Cluster, references: readonly string[], strategy: readonly StrategyItem[]): void {
    const names = references.map((reference) => {
      const provider = this.findProvider(reference);
      if (provider === null) throw invalidParameter('The specified capacity provider was not found: create it first.');
      return provider.name;
    });
    if (strategy.length > 0) checkStrategy(names, strategy);
    cluster.capacityProviders = names;
    cluster.defaultStrategy = strategy;
  }

  /** Which provider each of `count` tasks goes to: the base first, then by weight. */
  distribute(cluster: Cluster, strategy: readonly StrategyItem[], count: number): CapacityProvider[] {
    checkStrategy(cluster.capacityProviders, strategy);
    const chosen: string[] = strategy.flatMap(({ capacityProvider, base = 0 }) =>
      Array.from({ length: Math.min(base, count) }, () => capacityProvider),
    );
    const given = new Map<string, number>();
    while (chosen.length < count) {
      const next = strategy
        .filter(({ weight = 0 }) => weight > 0)
        .map(({ capacityProvider, weight = 0 }) => ({
          capacityProvider,
          share: ((given.get(capacityProvider) ?? 0) + 1) / weight,
        }))
        .reduce((least, each) => (each.share < least.share ? each : least));
      given.set(next.capacityProvider, (given.get(next.capacityProvider) ?? 0) + 1);
      chosen.push(next.capacityProvider);
    }
    return chosen.slice(0, count).flatMap((reference) => this.findProvider(reference) ?? []);
  }
}

function checkStrategy(associated: readonly string[], strategy: readonly StrategyItem[]): void {
  if (strategy.some(({ capacityProvider }) => !associated.includes(lastPart(capacityProvider))))
    throw invalidParameter(
      'The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and try again.',
    );
  if (strategy.reduce((sum, { weight = 0 }) => sum + weight, 0) === 0)
    throw invalidParameter(
      'The specified capacity provider strategy must contain at least one capacity provider with a weight greater than 0.',
    );
  if (strategy.filter(({ base = 0 }) => base > 0).length > 1)
    throw invalidParameter('Only one capacity provider in a strategy may have a base greater than 0.');
}
