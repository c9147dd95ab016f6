import { DEFAULT_SETTINGS } from '@bpi/api/settings';
import { describe, expect, it } from '@jest/globals';
import { A_SERVICE, aTaskRole, TestNetwork } from '../../testing/service-parts.ts';
import { all, only, synthesizeConstruct, type SynthesizedStack } from '../../testing/synth-construct.ts';
import { API_PORT } from '../services/api-service.ts';
import { FargateService } from '../services/fargate-service.ts';
import { DEREGISTRATION_DELAY_S, IDLE_TIMEOUT_S, InternalAlb } from './internal-alb.ts';

const SETTINGS = {
  clientCidrs: ['10.0.0.0/8', '192.168.7.0/24'],
  domain: { name: 'inference.example.org', zone: 'example.org' },
  deletionProtection: true,
  port: API_PORT,
};

function synthesize(deletionProtection = true): { stack: SynthesizedStack; made: InternalAlb } {
  let made: InternalAlb | undefined;
  const stack = synthesizeConstruct((scope, context) => {
    made = new InternalAlb(scope, 'ingress', context, {
      ...SETTINGS,
      network: new TestNetwork(scope),
      deletionProtection,
    });
  });
  if (made === undefined) throw new Error('nothing was made');
  return { stack, made };
}

const { stack, made } = synthesize();
const listenerOf = (port: number) => all(stack, 'aws_lb_listener').find((listener) => listener['port'] === port);

describe('the internal load balancer', () => {
  it('has private addresses only, and takes no malformed headers', () => {
    expect(only(stack, 'aws_lb')).toMatchObject({
      internal: true,
      load_balancer_type: 'application',
      subnets: ['subnet-a', 'subnet-b'],
      drop_invalid_header_fields: true,
    });
  });

  it.each([true, false])('is protected against deletion if that is asked for (%s)', (asked) => {
    expect(only(synthesize(asked).stack, 'aws_lb')).toMatchObject({ enable_deletion_protection: asked });
  });

  it('admits the named ranges, to HTTPS and to what sends them there, and nobody else', () => {
    const rules = all(stack, 'aws_vpc_security_group_ingress_rule');
    const admitted = rules.map(({ cidr_ipv4: from, ip_protocol: protocol, from_port: first, to_port: last }) =>
      [from, protocol, first, last].join(' '),
    );
    expect(admitted.sort()).toEqual([
      '10.0.0.0/8 tcp 443 443',
      '10.0.0.0/8 tcp 80 80',
      '192.168.7.0/24 tcp 443 443',
      '192.168.7.0/24 tcp 80 80',
    ]);
    expect(only(stack, 'aws_security_group')).not.toHaveProperty('ingress');
    expect(all(stack, 'aws_vpc_security_group_egress_rule')).toEqual([]);
  });

  it('speaks TLS 1.2 or 1.3 under the domain’s certificate, and hands on to the tasks', () => {
    expect(listenerOf(443)).toMatchObject({
      protocol: 'HTTPS',
      ssl_policy: 'ELBSecurityPolicy-TLS13-1-2-2021-06',
      certificate_arn: expect.stringMatching(/^\$\{aws_acm_certificate_validation\..+\.certificate_arn\}$/),
      default_action: [{ type: 'forward', target_group_arn: expect.stringMatching(/^\$\{aws_lb_target_group\./) }],
    });
    expect(made.url).toBe('https://inference.example.org');
  });

  it('only sends on from HTTP', () => {
    expect(all(stack, 'aws_lb_listener')).toHaveLength(2);
    expect(listenerOf(80)?.['default_action']).toEqual([
      { type: 'redirect', redirect: { protocol: 'HTTPS', port: '443', status_code: 'HTTP_301' } },
    ]);
  });

  it('is what the domain leads to', () => {
    const alias = all(stack, 'aws_route53_record').find(({ type }) => type === 'A');
    expect(alias).toMatchObject({
      name: 'inference.example.org',
      alias: { name: expect.stringMatching(/^\$\{aws_lb\..+\.dns_name\}$/), evaluate_target_health: false },
    });
  });
});

describe('the tasks behind it', () => {
  it('are asked whether they are ready, and have patience with what they depend on', () => {
    const targets = only(stack, 'aws_lb_target_group');
    expect(targets).toMatchObject({
      target_type: 'ip',
      protocol: 'HTTP',
      port: 8080,
      health_check: { path: '/health/ready', matcher: '200', unhealthy_threshold: 10 },
    });
    // Longer than the API's own limit for an answer (apps/api/src/health.controller.ts).
    const { timeout, interval } = targets['health_check'] as { timeout: number; interval: number };
    expect(timeout).toBeGreaterThan(2);
    expect(interval).toBeGreaterThan(timeout);
  });

  it('keep an idle connection longer than the balancer does', () => {
    const { keepAliveTimeoutMs } = DEFAULT_SETTINGS;
    expect(only(stack, 'aws_lb')).toMatchObject({ idle_timeout: IDLE_TIMEOUT_S });
    expect(keepAliveTimeoutMs).toBeGreaterThan(IDLE_TIMEOUT_S * 1_000);
  });

  it('have at least as long for their requests before they are told to end as after', () => {
    const { shutdownMs } = DEFAULT_SETTINGS;
    expect(only(stack, 'aws_lb_target_group')).toMatchObject({ deregistration_delay: String(DEREGISTRATION_DELAY_S) });
    expect(DEREGISTRATION_DELAY_S * 1_000).toBeGreaterThanOrEqual(shutdownMs);
  });

  it('are attached once the listener is there', () => {
    const service = only(withItsService(), 'aws_ecs_service');
    expect(service).toMatchObject({
      load_balancer: [{ target_group_arn: expect.stringMatching(/^\$\{aws_lb_target_group\./) }],
      depends_on: expect.arrayContaining([expect.stringMatching(/^aws_lb_listener\.ingress_https_/)]),
    });
  });
});

function withItsService(): SynthesizedStack {
  return synthesizeConstruct((scope, context) => {
    const network = new TestNetwork(scope);
    const { ingress } = new InternalAlb(scope, 'ingress', context, { ...SETTINGS, network });
    const [taskRole, executionRole] = [aTaskRole(scope, context, 'task'), aTaskRole(scope, context, 'execution')];
    new FargateService(scope, 'api', context, { ...A_SERVICE, network, taskRole, executionRole, ingress });
  });
}
