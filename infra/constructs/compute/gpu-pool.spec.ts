import { REQUIRED_SETTINGS } from '@bpi/adapters-aws';
import { describe, expect, it } from '@jest/globals';
import { aGpuPool, synthesizedPool } from '../../testing/gpu-parts.ts';
import { only, synthesizeConstruct } from '../../testing/synth-construct.ts';

describe('a GPU pool', () => {
  it('is empty until ECS asks for machines, up to its limit', () => {
    expect(only(synthesizedPool({ pool: { max: 3 } }), 'aws_autoscaling_group')).toMatchObject({
      min_size: 0,
      desired_capacity: 0,
      max_size: 3,
      lifecycle: { ignore_changes: ['desired_capacity'] },
      force_delete: true,
      capacity_rebalance: false,
      suspended_processes: ['AZRebalance'],
      enabled_metrics: ['GroupInServiceInstances'],
    });
  });

  it.each([
    ['spot', 0],
    ['on-demand', 100],
  ] as const)('of kind %s has %s %% On-Demand, of one size and any family', (kind, percentage) => {
    const stack = synthesizedPool({ pool: { kind } });
    const group = only(stack, 'aws_autoscaling_group');
    expect(group['mixed_instances_policy']).toEqual({
      instances_distribution: {
        on_demand_base_capacity: 0,
        on_demand_percentage_above_base_capacity: percentage,
        on_demand_allocation_strategy: 'lowest-price',
        spot_allocation_strategy: 'price-capacity-optimized',
      },
      launch_template: {
        launch_template_specification: {
          launch_template_id: expect.stringMatching(/^\$\{aws_launch_template\.\w+\.id\}$/),
          version: expect.stringMatching(/^\$\{aws_launch_template\.\w+\.latest_version\}$/),
        },
        override: [{ instance_type: 'g4dn.xlarge' }, { instance_type: 'g5.xlarge' }],
      },
    });
    expect(group['name']).toBe(`bpi-test-gpu-${kind}`);
    expect(only(stack, 'aws_ecs_capacity_provider')['name']).toBe(`bpi-test-gpu-${kind}`);
  });

  it.each([
    [true, 'ENABLED'],
    [false, 'DISABLED'],
  ])('with terminationProtection %s is protected by group and provider alike: %s', (terminationProtection, state) => {
    const stack = synthesizedPool({ pool: { terminationProtection, max: 2 } });
    expect(only(stack, 'aws_autoscaling_group')['protect_from_scale_in']).toBe(terminationProtection);
    expect(only(stack, 'aws_ecs_capacity_provider')['auto_scaling_group_provider']).toEqual({
      auto_scaling_group_arn: expect.stringMatching(/^\$\{aws_autoscaling_group\.\w+\.arn\}$/),
      managed_draining: REQUIRED_SETTINGS.capacityProvider.managedDraining,
      managed_termination_protection: state,
      managed_scaling: {
        status: 'ENABLED',
        target_capacity: 100,
        minimum_scaling_step_size: 1,
        maximum_scaling_step_size: 2,
      },
    });
  });

  it('keeps the tag without which ECS no longer scales it', () => {
    const tags = only(synthesizedPool(), 'aws_autoscaling_group')['tag'];
    expect(tags).toContainEqual({ key: 'AmazonECSManaged', value: 'true', propagate_at_launch: true });
    expect(tags).toContainEqual({ key: 'Name', value: 'bpi-test-gpu-spot', propagate_at_launch: true });
  });

  it('has a slot for each machine', () => {
    const slots: number[] = [];
    synthesizeConstruct((scope, context) => {
      slots.push(aGpuPool(scope, context, { pool: { max: 4 } }).slots);
    });
    expect(slots).toEqual([4]);
  });
});
