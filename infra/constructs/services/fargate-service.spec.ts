import { describe, expect, it } from '@jest/globals';
import { all, only, synthesizeConstruct, type SynthesizedStack } from '../../testing/synth-construct.ts';
import { A_SERVICE, aTaskRole, containerOf, TestNetwork } from '../../testing/service-parts.ts';
import { FargateService, type FargateServiceSettings } from './fargate-service.ts';

function synthesize(settings: Partial<FargateServiceSettings> = {}): SynthesizedStack {
  return synthesizeConstruct((scope, context) => {
    const taskRole = aTaskRole(scope, context, 'task');
    const executionRole = aTaskRole(scope, context, 'execution');
    const network = new TestNetwork(scope);
    new FargateService(scope, 'service', context, { ...A_SERVICE, network, taskRole, executionRole, ...settings });
  });
}

const groupId = 'sg-ingress';
const registry: FargateServiceSettings['ingress'] = { groupId, target: { kind: 'registry', arn: 'arn:registry' } };
const targetGroup: FargateServiceSettings['ingress'] = {
  groupId,
  target: { kind: 'target-group', arn: 'arn:targets', listeners: [{ fqn: 'aws_lb_listener.https' }], healthGraceS: 90 },
};

describe('the task of a service', () => {
  const definition = only(synthesize(), 'aws_ecs_task_definition');

  it('runs on ARM64 machines of Fargate, of the size that was asked for', () => {
    expect(definition).toMatchObject({
      family: 'bpi-test-api',
      requires_compatibilities: ['FARGATE'],
      network_mode: 'awsvpc',
      runtime_platform: { operating_system_family: 'LINUX', cpu_architecture: 'ARM64' },
      cpu: '256',
      memory: '512',
    });
  });

  it('has different roles for the program and for what starts it', () => {
    expect(definition).toMatchObject({
      task_role_arn: expect.stringMatching(/^\$\{aws_iam_role\.task_role_[0-9A-F]+\.arn\}$/),
      execution_role_arn: expect.stringMatching(/^\$\{aws_iam_role\.execution_role_[0-9A-F]+\.arn\}$/),
    });
  });

  it('is there before its predecessor goes, which a failed deployment returns to', () => {
    expect(definition).toMatchObject({ skip_destroy: true });
  });
});

describe('the container of a service', () => {
  const container = containerOf(synthesize());

  it('is of the image by its digest, and hardened as far as Fargate allows', () => {
    expect(container).toMatchObject({
      name: 'api',
      image: A_SERVICE.image,
      essential: true,
      readonlyRootFilesystem: true,
      linuxParameters: { initProcessEnabled: true, capabilities: { drop: ['ALL'] } },
      stopTimeout: 45,
    });
    // The user is the image's, which is nobody; and what nobody asked for is not there.
    for (const absent of ['user', 'privileged', 'secrets', 'command', 'entryPoint']) {
      expect(container).not.toHaveProperty(absent);
    }
  });

  it('gets its environment in an order that does not change', () => {
    expect(container['environment']).toEqual([
      { name: 'EARLIER', value: 'a' },
      { name: 'LATER', value: 'b' },
    ]);
  });

  it('is asked whether it lives with what its image has: Node', async () => {
    const { command, interval, timeout } = container['healthCheck'] as Record<string, unknown>;
    const [kind, program, flag, script] = command as string[];
    expect([kind, program, flag]).toEqual(['CMD', 'node', '-e']);
    expect(script).toContain("'http://127.0.0.1:8080/health/live'");
    expect(Number(timeout)).toBeLessThan(Number(interval));
  });

  it('never waits for CloudWatch', () => {
    expect(container['logConfiguration']).toEqual({
      logDriver: 'awslogs',
      options: {
        'awslogs-group': '/bpi/test/api',
        'awslogs-region': 'us-east-1',
        'awslogs-stream-prefix': 'api',
        mode: 'non-blocking',
        'max-buffer-size': '4m',
      },
    });
  });

  it('has no volume and no open port unless they are asked for', () => {
    expect(container).toMatchObject({ mountPoints: [], portMappings: [] });
    expect(only(synthesize(), 'aws_ecs_task_definition')).not.toHaveProperty('volume');
  });

  it('writes to a volume of the task where it has to', () => {
    const stack = synthesize({ scratchDir: '/scratch' });
    expect(only(stack, 'aws_ecs_task_definition')).toMatchObject({ volume: [{ name: 'scratch' }] });
    expect(containerOf(stack)['mountPoints']).toEqual([
      { sourceVolume: 'scratch', containerPath: '/scratch', readOnly: false },
    ]);
  });

  it('cannot ask for more time than Fargate gives', () => {
    expect(() => synthesize({ stopTimeoutS: 121 })).toThrow(
      'The api cannot have 121 s to end: Fargate waits 120 s at most.',
    );
  });
});

describe('the service', () => {
  const service = only(synthesize({ tasks: 2 }), 'aws_ecs_service');

  it('keeps its tasks on Fargate, without a shell and without a public address', () => {
    expect(service).toMatchObject({
      desired_count: 2,
      launch_type: 'FARGATE',
      platform_version: '1.4.0',
      enable_execute_command: false,
      propagate_tags: 'SERVICE',
      network_configuration: {
        subnets: ['subnet-a', 'subnet-b'],
        security_groups: ['sg-api'],
        assign_public_ip: false,
      },
    });
  });

  it('has public addresses in a network that reaches AWS by them only', () => {
    const stack = synthesizeConstruct((scope, context) => {
      const [taskRole, executionRole] = [aTaskRole(scope, context, 'task'), aTaskRole(scope, context, 'execution')];
      const network = Object.assign(new TestNetwork(scope), { publicAddresses: true });
      new FargateService(scope, 'service', context, { ...A_SERVICE, network, taskRole, executionRole });
    });
    expect(only(stack, 'aws_ecs_service')).toMatchObject({ network_configuration: { assign_public_ip: true } });
  });

  it('is never below its number during a deployment, and goes back to the revision before when one fails', () => {
    expect(service).toMatchObject({
      deployment_minimum_healthy_percent: 100,
      deployment_maximum_percent: 200,
      deployment_circuit_breaker: { enable: true, rollback: true },
    });
  });

  it('makes a deployment that went back fail the command', () => {
    expect(service).toMatchObject({
      wait_for_steady_state: true,
      lifecycle: {
        postcondition: [
          {
            condition: expect.stringMatching(
              /^\$\{\(?self\.task_definition == aws_ecs_task_definition\.service_task_[0-9A-F]+\.arn\)?\}$/,
            ),
            error_message: expect.stringContaining('see its log group'),
          },
        ],
      },
    });
  });

  it('starts only when AWS can be reached, and its roles may do what they must', () => {
    expect(service['depends_on']).toEqual([
      expect.stringMatching(/^aws_vpc_endpoint\.network_endpoint_/),
      expect.stringMatching(/^aws_iam_role\.task_role_/),
      expect.stringMatching(/^aws_iam_role\.execution_role_/),
    ]);
  });
});

describe('the order of services', () => {
  it('is kept: one starts after what it was told to wait for, such as another one', () => {
    const stack = synthesizeConstruct((scope, context) => {
      const [taskRole, executionRole] = [aTaskRole(scope, context, 'task'), aTaskRole(scope, context, 'execution')];
      const common = { ...A_SERVICE, network: new TestNetwork(scope), taskRole, executionRole };
      const { ready } = new FargateService(scope, 'worker', context, { ...common, name: 'worker' });
      new FargateService(scope, 'api', context, { ...common, after: ready });
    });
    const [api] = all(stack, 'aws_ecs_service').filter(({ name }) => name === 'bpi-test-api');
    expect(api?.['depends_on']).toContainEqual(expect.stringMatching(/^aws_ecs_service\.worker_service_/));
  });
});

describe('the ways to a service', () => {
  it('are none without an ingress', () => {
    const stack = synthesize();
    expect(all(stack, 'aws_vpc_security_group_ingress_rule')).toEqual([]);
    expect(only(stack, 'aws_ecs_service')).not.toHaveProperty('load_balancer');
    expect(only(stack, 'aws_ecs_service')).not.toHaveProperty('service_registries');
  });

  it.each([registry, targetGroup])('lead from the ingress to its port, and from nowhere else', (ingress) => {
    const stack = synthesize({ ingress });
    const rule = { ip_protocol: 'tcp', from_port: 8080, to_port: 8080 };
    const inwards = only(stack, 'aws_vpc_security_group_ingress_rule');
    expect(inwards).toMatchObject({ ...rule, security_group_id: 'sg-api', referenced_security_group_id: groupId });
    expect(inwards).not.toHaveProperty('cidr_ipv4');
    const onwards = only(stack, 'aws_vpc_security_group_egress_rule');
    expect(onwards).toMatchObject({ ...rule, security_group_id: groupId, referenced_security_group_id: 'sg-api' });
    expect(containerOf(stack)['portMappings']).toEqual([
      { name: 'http', containerPort: 8080, hostPort: 8080, protocol: 'tcp' },
    ]);
  });

  it('are found in a registry by container and port', () => {
    expect(only(synthesize({ ingress: registry }), 'aws_ecs_service')).toMatchObject({
      service_registries: { registry_arn: 'arn:registry', container_name: 'api', container_port: 8080 },
    });
  });

  it('come from a load balancer once its listener is there', () => {
    const service = only(synthesize({ ingress: targetGroup }), 'aws_ecs_service');
    expect(service).toMatchObject({
      load_balancer: [{ target_group_arn: 'arn:targets', container_name: 'api', container_port: 8080 }],
      health_check_grace_period_seconds: 90,
    });
    expect(service['depends_on']).toContain('aws_lb_listener.https');
  });
});
