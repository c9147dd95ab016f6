import { describe, expect, it } from '@jest/globals';
import { only, synthesizeConstruct } from '../../testing/synth-construct.ts';
import { Cluster } from './cluster.ts';

describe('a cluster', () => {
  it.each([
    [true, 'enabled'],
    [false, 'disabled'],
  ])('with containerInsights %s measures: %s', (containerInsights, value) => {
    const stack = synthesizeConstruct((scope, context) => {
      new Cluster(scope, 'cluster', context, { containerInsights });
    });
    expect(only(stack, 'aws_ecs_cluster')).toMatchObject({
      name: 'bpi-test-cluster',
      setting: [{ name: 'containerInsights', value }],
    });
  });

  it('knows its pools and Fargate, and prefers none', () => {
    const stack = synthesizeConstruct((scope, context) => {
      new Cluster(scope, 'cluster', context, { containerInsights: false }).attach(['spot', 'steady']);
    });
    const providers = only(stack, 'aws_ecs_cluster_capacity_providers');
    expect(providers['capacity_providers']).toEqual(['FARGATE', 'spot', 'steady']);
    expect(providers).not.toHaveProperty('default_capacity_provider_strategy');
  });
});
