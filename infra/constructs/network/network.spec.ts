import { describe, expect, it } from '@jest/globals';
import { all, only, synthesizeConstruct, type Body, type SynthesizedStack } from '../../testing/synth-construct.ts';
import { GATEWAY_ENDPOINTS, INTERFACE_ENDPOINTS } from './endpoint-policy.ts';
import { Network, type NetworkSettings } from './network.ts';

const VPC = { id: expect.stringMatching(/^\$\{aws_vpc\.\w+\.id\}$/) };

function networkWith(settings: Partial<NetworkSettings> = {}): SynthesizedStack {
  return synthesizeConstruct((scope, context) => {
    const network = new Network(scope, 'network', context, {
      mode: 'endpoints',
      cidr: '10.20.0.0/16',
      zoneIds: ['use1-az1', 'use1-az2'],
      flowLogs: false,
      ...settings,
    });
    network.clientGroup('client', { name: 'worker', description: 'The worker' });
  });
}

describe('a network', () => {
  it.each(['endpoints', 'public'] as const)(
    'in mode %s has one subnet per zone that hands out no addresses',
    (mode) => {
      const stack = networkWith({ mode });
      expect(only(stack, 'aws_vpc')).toMatchObject({
        cidr_block: '10.20.0.0/16',
        enable_dns_support: true,
        enable_dns_hostnames: true,
      });
      expect(
        all(stack, 'aws_subnet').map((subnet) => [
          subnet['availability_zone_id'],
          subnet['cidr_block'],
          subnet['map_public_ip_on_launch'],
        ]),
      ).toEqual([
        ['use1-az1', '10.20.0.0/20', false],
        ['use1-az2', '10.20.16.0/20', false],
      ]);
      only(stack, 'aws_route_table');
      expect(all(stack, 'aws_route_table_association')).toHaveLength(2);
    },
  );

  it.each(['endpoints', 'public'] as const)('in mode %s has no NAT gateway and a closed default group', (mode) => {
    const stack = networkWith({ mode });
    expect(Object.keys(stack.resource).filter((type) => /nat|eip/.test(type))).toEqual([]);
    const group = only(stack, 'aws_default_security_group');
    expect(group).toMatchObject({ vpc_id: VPC.id });
    expect(group['ingress'] ?? []).toEqual([]);
    expect(group['egress'] ?? []).toEqual([]);
  });

  it('names AWS’s services inside itself and has no way to the internet', () => {
    const stack = networkWith();
    expect(all(stack, 'aws_internet_gateway')).toEqual([]);
    expect(all(stack, 'aws_route')).toEqual([]);
    const endpoints = all(stack, 'aws_vpc_endpoint');
    const named = (type: string) =>
      endpoints
        .filter((endpoint) => endpoint['vpc_endpoint_type'] === type)
        .map((endpoint) => endpoint['service_name']);
    const full = (services: readonly string[]) =>
      services.map((service) => `com.amazonaws.us-east-1.${service}`).sort();
    expect(named('Gateway').sort()).toEqual(full(GATEWAY_ENDPOINTS));
    expect(named('Interface').sort()).toEqual(full(INTERFACE_ENDPOINTS));
    for (const endpoint of endpoints.filter((one) => one['vpc_endpoint_type'] === 'Interface')) {
      expect(endpoint).toMatchObject({ private_dns_enabled: true, security_group_ids: [expect.any(String)] });
      expect(endpoint['subnet_ids']).toHaveLength(2);
    }
    for (const endpoint of endpoints.filter((one) => one['vpc_endpoint_type'] === 'Gateway')) {
      expect(endpoint).toMatchObject({ route_table_ids: [expect.any(String)], policy: expect.any(String) });
    }
  });

  it('lets its endpoints be reached on 443 from inside, and nothing else be reached at all', () => {
    for (const mode of ['endpoints', 'public'] as const) {
      const rules = all(networkWith({ mode }), 'aws_vpc_security_group_ingress_rule');
      expect(rules.map(portsAndSource)).toEqual(mode === 'public' ? [] : [['tcp', 443, 443, '10.20.0.0/16']]);
    }
    for (const group of all(networkWith(), 'aws_security_group')) {
      expect(group['ingress'] ?? []).toEqual([]);
      expect(group['egress'] ?? []).toEqual([]);
    }
  });

  it('lets a client out to the endpoints, S3 and DynamoDB only', () => {
    const rules = all(networkWith(), 'aws_vpc_security_group_egress_rule');
    expect(rules).toHaveLength(3);
    for (const rule of rules) expect(rule).toMatchObject({ ip_protocol: 'tcp', from_port: 443, to_port: 443 });
    expect(
      rules.map((rule) => [rule['referenced_security_group_id'], rule['prefix_list_id'], rule['cidr_ipv4']]),
    ).toEqual(
      expect.arrayContaining([
        [expect.stringContaining('aws_security_group.network_endpoints_group'), undefined, undefined],
        [
          undefined,
          expect.stringMatching(/^\$\{aws_vpc_endpoint\.network_gateways_s3_\w+\.prefix_list_id\}$/),
          undefined,
        ],
        [
          undefined,
          expect.stringMatching(/aws_vpc_endpoint\.network_gateways_dynamodb_\w+\.prefix_list_id/),
          undefined,
        ],
      ]),
    );
  });

  it('in mode public leads outside for TLS, with the free endpoints only', () => {
    const stack = networkWith({ mode: 'public' });
    only(stack, 'aws_internet_gateway');
    expect(only(stack, 'aws_route')).toMatchObject({ destination_cidr_block: '0.0.0.0/0' });
    expect(all(stack, 'aws_vpc_endpoint').map((endpoint) => endpoint['vpc_endpoint_type'])).toEqual([
      'Gateway',
      'Gateway',
    ]);
    expect(all(stack, 'aws_vpc_security_group_egress_rule').map(portsAndSource)).toEqual([
      ['tcp', 443, 443, '0.0.0.0/0'],
    ]);
  });

  it('logs its flows where the environment says so', () => {
    expect(all(networkWith(), 'aws_flow_log')).toEqual([]);
    const stack = networkWith({ flowLogs: true });
    expect(only(stack, 'aws_flow_log')).toMatchObject({ traffic_type: 'ALL', vpc_id: VPC.id });
    expect(only(stack, 'aws_cloudwatch_log_group')).toMatchObject({
      name: '/bpi/bpi-test-flows',
      retention_in_days: 7,
    });
    const actions = statementsOf(only(stack, 'aws_iam_role_policy')).flatMap(({ Action }) => Action);
    expect(actions.sort()).toEqual([
      'logs:CreateLogStream',
      'logs:DescribeLogGroups',
      'logs:DescribeLogStreams',
      'logs:PutLogEvents',
    ]);
  });
});

function portsAndSource(rule: Body): unknown[] {
  return [rule['ip_protocol'], rule['from_port'], rule['to_port'], rule['cidr_ipv4']];
}

function statementsOf({ policy }: Body): { Action: string[] }[] {
  return (JSON.parse(String(policy)) as { Statement: { Action: string[] }[] }).Statement; // our own document
}
