import { EcsClusterCapacityProviders } from '@cdktf/provider-aws/lib/ecs-cluster-capacity-providers/index.js';
import { EcsCluster } from '@cdktf/provider-aws/lib/ecs-cluster/index.js';
import type { ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import type { StackContext } from '../stack-context.ts';

export type ClusterSettings = { containerInsights: boolean };

export class Cluster extends Construct {
  readonly arn: string;
  readonly name: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: ClusterSettings) {
    super(scope, id);
    const cluster = new EcsCluster(this, 'cluster', {
      name: context.name('cluster'),
      setting: [{ name: 'containerInsights', value: settings.containerInsights ? 'enabled' : 'disabled' }],
    });
    this.arn = cluster.arn;
    this.name = cluster.name;
  }

  /**
   * Lets tasks run on these pools and on Fargate; before what it returns is there, they are refused. Without a default:
   * whoever starts a task says where.
   */
  attach(poolNames: readonly string[]): ITerraformDependable {
    return new EcsClusterCapacityProviders(this, 'pools', {
      clusterName: this.name,
      capacityProviders: ['FARGATE', ...poolNames],
    });
  }
}
