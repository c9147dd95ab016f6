/** What holds of each environment as a whole, whatever construct it comes from. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { GATEWAY_ENDPOINTS, INTERFACE_ENDPOINTS } from '../constructs/network/endpoint-policy.ts';
import { asApplied } from '../testing/applied.ts';
import { synthesizedEnvironment } from '../testing/environment.ts';
import { parsePolicy, type PolicyStatement } from '../testing/iam.ts';
import { all, only, type Body, type SynthesizedStack } from '../testing/synth-construct.ts';

const containersSchema = z.array(
  z.object({
    image: z.string(),
    readonlyRootFilesystem: z.literal(true),
    privileged: z.literal(false).default(false),
    logConfiguration: z.object({ options: z.record(z.string(), z.string()) }),
  }),
);
const tagsSchema = z.array(z.object({ key: z.string(), value: z.string(), propagate_at_launch: z.boolean() }));

/** Types whose argument holds a policy, and that argument. */
const POLICIES: Readonly<Record<string, string>> = {
  aws_iam_role_policy: 'policy',
  aws_iam_policy: 'policy',
  aws_kms_key: 'policy',
  aws_s3_bucket_policy: 'policy',
  aws_sns_topic_policy: 'policy',
  aws_sqs_queue_policy: 'policy',
  aws_vpc_endpoint: 'policy',
};

function statementsIn(stack: SynthesizedStack): PolicyStatement[] {
  return Object.entries(POLICIES).flatMap(([type, argument]) =>
    all(stack, type).flatMap((body) => (body[argument] === undefined ? [] : parsePolicy(String(body[argument])))),
  );
}

describe.each(['dev', 'prod'] as const)('the environment %s', (environment) => {
  let stack: SynthesizedStack;
  const production = environment === 'prod';
  const bodies = (type: string) => all(stack, type);
  beforeAll(() => {
    stack = synthesizedEnvironment(environment);
  });

  it('has no machine while there are no jobs, and few at most', () => {
    const sizes = bodies('aws_autoscaling_group').map((group): [unknown, unknown] => [
      group['name'],
      [group['min_size'], group['desired_capacity'], group['max_size']],
    ]);
    expect(Object.fromEntries(sizes)).toEqual({
      [`bpi-${environment}-gpu-spot`]: [0, 0, production ? 4 : 1],
      [`bpi-${environment}-gpu-on-demand`]: [0, 0, production ? 2 : 1],
    });
  });

  it('lets ECS scale its groups and nobody else', () => {
    for (const group of bodies('aws_autoscaling_group')) {
      const tags = tagsSchema.parse(group['tag']);
      expect(tags).toContainEqual({ key: 'AmazonECSManaged', value: 'true', propagate_at_launch: true });
      expect(group).toMatchObject({
        protect_from_scale_in: production,
        lifecycle: { ignore_changes: ['desired_capacity'] },
      });
    }
    expect(bodies('aws_autoscaling_policy')).toEqual([]);
    for (const provider of bodies('aws_ecs_capacity_provider')) {
      expect(provider['auto_scaling_group_provider']).toMatchObject({
        managed_draining: 'DISABLED',
        managed_termination_protection: production ? 'ENABLED' : 'DISABLED',
        managed_scaling: { status: 'ENABLED' },
      });
    }
  });

  it('reaches AWS through exactly these endpoints, and nothing else', () => {
    const services = bodies('aws_vpc_endpoint').map((endpoint) => [
      endpoint['vpc_endpoint_type'],
      endpoint['service_name'],
    ]);
    expect(new Set(services.map(String))).toEqual(
      new Set([
        ...INTERFACE_ENDPOINTS.map((service) => `Interface,com.amazonaws.us-east-1.${service}`),
        ...GATEWAY_ENDPOINTS.map((service) => `Gateway,com.amazonaws.us-east-1.${service}`),
      ]),
    );
    expect(INTERFACE_ENDPOINTS).toHaveLength(9);
    for (const type of ['aws_nat_gateway', 'aws_eip', 'aws_internet_gateway']) expect(bodies(type)).toEqual([]);
    expect(bodies('aws_subnet')).toHaveLength(production ? 2 : 1);
  });

  it('lets nothing in from everywhere, and gives nothing a public address', () => {
    const rules = bodies('aws_vpc_security_group_ingress_rule');
    expect(rules.length).toBeGreaterThan(1);
    expect(rules.filter((rule) => rule['cidr_ipv4'] === '0.0.0.0/0' || rule['cidr_ipv6'] !== undefined)).toEqual([]);
    // Terraform takes away the rules that AWS gave it.
    expect(Object.keys(only(stack, 'aws_default_security_group')).sort()).toEqual(['//', 'tags', 'vpc_id']);
    for (const subnet of bodies('aws_subnet')) expect(subnet['map_public_ip_on_launch']).toBe(false);
    for (const service of bodies('aws_ecs_service'))
      expect(service['network_configuration']).toMatchObject({ assign_public_ip: false });
  });

  it('keeps flows and versions, and forgets, as it is set', () => {
    expect(bodies('aws_flow_log')).toHaveLength(production ? 1 : 0);
    for (const group of bodies('aws_cloudwatch_log_group')) {
      expect(group['retention_in_days']).toBe(production ? 365 : 7);
      expect('kms_key_id' in group).toBe(production);
    }
    expect(only(stack, 'aws_dynamodb_table')).toMatchObject({
      billing_mode: 'PAY_PER_REQUEST',
      deletion_protection_enabled: production,
      point_in_time_recovery: { enabled: production },
      ttl: { enabled: true, attribute_name: 'expiresAt' },
    });
  });

  it('cannot lose what it holds by a change of a setting, unless it may be destroyed with it', () => {
    const kept = ['aws_s3_bucket', 'aws_dynamodb_table', 'aws_kms_key'].flatMap((type) => bodies(type));
    expect(kept.length).toBe(production ? 4 : 3);
    for (const body of kept) expect(body['lifecycle']).toEqual(production ? { prevent_destroy: true } : undefined);
  });

  it('guards every bucket: private, encrypted, TLS only, forgetful', () => {
    const buckets = Object.keys(stack.resource['aws_s3_bucket'] ?? {});
    expect(buckets.length).toBeGreaterThan(0);
    const guards = [
      'aws_s3_bucket_public_access_block',
      'aws_s3_bucket_server_side_encryption_configuration',
      'aws_s3_bucket_policy',
      'aws_s3_bucket_lifecycle_configuration',
      'aws_s3_bucket_ownership_controls',
    ];
    for (const type of guards) {
      const guarded = bodies(type).map((body) => /aws_s3_bucket\.([\w-]+)\./.exec(String(body['bucket']))?.[1]);
      expect({ type, guarded: guarded.sort() }).toEqual({ type, guarded: buckets.sort() });
    }
    for (const block of bodies('aws_s3_bucket_public_access_block'))
      expect(Object.values(block).filter((value) => value === true)).toHaveLength(4);
    for (const { policy } of bodies('aws_s3_bucket_policy') as { policy?: unknown }[]) {
      const statements = parsePolicy(String(policy));
      expect(statements).toContainEqual(
        expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': ['false'] } } }),
      );
      // Signed links are followed from outside.
      expect(JSON.stringify(statements)).not.toMatch(/aws:Source(Vpc|Vpce|Ip)\b/i);
    }
  });

  it('encrypts its queues and lets nobody but EventBridge send to them', () => {
    const queues = bodies('aws_sqs_queue');
    expect(queues).toHaveLength(4);
    for (const queue of queues)
      expect(queue).toMatchObject(
        production ? { kms_master_key_id: expect.any(String) } : { sqs_managed_sse_enabled: true },
      );
    const senders = bodies('aws_sqs_queue_policy').flatMap((body) => parsePolicy(String(body['policy'])));
    const allowed = senders.filter(({ Effect }) => Effect === 'Allow');
    expect(allowed.length).toBeGreaterThan(0);
    for (const { Principal, Condition } of allowed) {
      expect(Principal).toEqual({ Service: 'events.amazonaws.com' });
      expect(Object.values(Condition).flatMap(Object.keys)).toContain('aws:SourceArn');
    }
  });

  it('runs images by digest, read-only, without privileges, with roles of their own', () => {
    const definitions = bodies('aws_ecs_task_definition').map((body): Body => asApplied(stack, body));
    expect(definitions.length).toBeGreaterThan(2);
    for (const definition of definitions) {
      const containers = containersSchema.parse(JSON.parse(String(definition['container_definitions'])));
      for (const { image } of containers) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
      expect(definition['task_role_arn']).not.toEqual(definition['execution_role_arn']);
      const forJobs = String(definition['family']).includes('-job-');
      expect(definition).toMatchObject({
        network_mode: forJobs ? 'bridge' : 'awsvpc',
        runtime_platform: { cpu_architecture: forJobs ? 'X86_64' : 'ARM64' },
        skip_destroy: true,
      });
    }
  });

  it('asks ECS for no number of more than 32 bits, which it cannot hold', () => {
    const numbers = (value: unknown): number[] =>
      typeof value === 'object' && value !== null
        ? Object.values(value).flatMap(numbers)
        : typeof value === 'number'
          ? [value]
          : [];
    const asked = bodies('aws_ecs_task_definition').flatMap((body) =>
      numbers(JSON.parse(String(body['container_definitions']))),
    );
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.filter((number) => number > 2 ** 31 - 1)).toEqual([]);
  });

  it('has every log group that a container writes to', () => {
    const groups = bodies('aws_cloudwatch_log_group').map((body) => String(body['name']));
    const written = bodies('aws_ecs_task_definition').flatMap((body) =>
      containersSchema
        .parse(JSON.parse(String(asApplied(stack, body['container_definitions']))))
        .flatMap(({ logConfiguration }) => logConfiguration.options['awslogs-group'] ?? []),
    );
    expect(written.length).toBeGreaterThan(3);
    expect(written.filter((group) => !groups.includes(group))).toEqual([]);
  });

  it('rolls a failed deployment back, and runs two workers where it matters', () => {
    const services = bodies('aws_ecs_service');
    expect(services.map((service) => service['desired_count']).sort()).toEqual(production ? [2, 2] : [1, 1]);
    for (const service of services)
      expect(service).toMatchObject({
        deployment_circuit_breaker: { enable: true, rollback: true },
        wait_for_steady_state: true,
        enable_execute_command: false,
      });
  });

  it('has machines that keep their credentials and their disks to themselves', () => {
    const template = only(stack, 'aws_launch_template');
    expect(template['metadata_options']).toMatchObject({ http_tokens: 'required', http_put_response_hop_limit: 1 });
    const [disk] = z
      .array(z.object({ ebs: z.object({ encrypted: z.literal('true'), volume_size: z.number() }) }))
      .parse(template['block_device_mappings']);
    expect(disk?.ebs.volume_size).toBeGreaterThanOrEqual(100);
    expect(template['key_name']).toBeUndefined();
  });

  it('gives no role more than it names, and says where it must', () => {
    const statements = statementsIn(stack).filter(({ Effect }) => Effect === 'Allow');
    expect(statements.length).toBeGreaterThan(15);
    const anyAction = statements.filter(({ Action }) => Action.some((action) => action.includes('*')));
    // The account over its own key, and what endpoints narrow; see the reasons beside them.
    expect([...new Set(anyAction.map(({ Sid }) => Sid))].sort()).toEqual(
      production ? ['AnyResourceAccount', 'OurRolesOnOurResources'] : ['OurRolesOnOurResources'],
    );
    const anyResource = statements
      .filter(({ Resource }) => Resource.includes('*'))
      .map(({ Sid }) => Sid ?? 'without a name');
    expect(anyResource.filter((sid) => !/^AnyResource|^OurRolesOnOurResources$/.test(sid))).toEqual([]);
  });

  it('has its roles within the boundary and under our path', () => {
    const roles = bodies('aws_iam_role').map((role): Body => asApplied(stack, role));
    expect(roles.length).toBeGreaterThan(5);
    for (const role of roles)
      expect(role).toMatchObject({
        path: '/bpi/',
        permissions_boundary: 'arn:aws:iam::123456789012:policy/bpi/bpi-boundary',
        name: expect.stringMatching(new RegExp(`^bpi-${environment}-`)),
      });
    expect(bodies('aws_iam_openid_connect_provider')).toEqual([]);
  });

  it('is called through its ingress', () => {
    expect(bodies('aws_apigatewayv2_api')).toHaveLength(production ? 0 : 1);
    expect(bodies('aws_lb').map(({ internal }) => internal)).toEqual(production ? [true] : []);
    const listeners = bodies('aws_lb_listener').map((listener) => [
      listener['protocol'],
      listener['ssl_policy'] ?? null,
    ]);
    expect(listeners.sort()).toEqual(
      production
        ? [
            ['HTTP', null],
            ['HTTPS', 'ELBSecurityPolicy-TLS13-1-2-2021-06'],
          ]
        : [],
    );
  });

  it('writes to somebody when something is wrong', () => {
    const alarms = bodies('aws_cloudwatch_metric_alarm');
    expect(alarms.length).toBeGreaterThan(10);
    for (const alarm of alarms) {
      expect(alarm['alarm_actions']).toHaveLength(1);
      expect(alarm['alarm_description']).toMatch(/docs\/operations\.md#[a-z-]+$/);
    }
    expect(only(stack, 'aws_sns_topic_subscription')['endpoint']).toBe('${var.alert_email}');
    expect(bodies('aws_budgets_budget')).toHaveLength(1);
    expect(stack.variable).toEqual({ alert_email: expect.objectContaining({ sensitive: true }) });
  });
});
