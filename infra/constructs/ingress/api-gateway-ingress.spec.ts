import { AWS_WAITING } from '@bpi/api/settings';
import { describe, expect, it } from '@jest/globals';
import { TestNetwork } from '../../testing/service-parts.ts';
import { all, only, synthesizeConstruct, type SynthesizedStack } from '../../testing/synth-construct.ts';
import { ApiGatewayIngress, type ApiGatewayIngressSettings } from './api-gateway-ingress.ts';

const DOMAIN = { name: 'inference.example.org', zone: 'example.org' };

type Made = { stack: SynthesizedStack; made: ApiGatewayIngress };

function synthesize(settings: Partial<ApiGatewayIngressSettings> = {}): Made {
  let made: ApiGatewayIngress | undefined;
  const stack = synthesizeConstruct((scope, context) => {
    made = new ApiGatewayIngress(scope, 'ingress', context, {
      network: new TestNetwork(scope),
      requestsPerS: 50,
      requestsBurst: 100,
      corsOrigins: [],
      domain: null,
      accessLogGroupArn: 'arn:access-log',
      ...settings,
    });
  });
  if (made === undefined) throw new Error('nothing was made');
  return { stack, made };
}

describe('the way through API Gateway', () => {
  const { stack, made } = synthesize();

  it('hands every request on as it came, through the link, within AWS’s 30 s', () => {
    expect(only(stack, 'aws_apigatewayv2_route')).toMatchObject({ route_key: '$default' });
    expect(only(stack, 'aws_apigatewayv2_integration')).toMatchObject({
      integration_type: 'HTTP_PROXY',
      integration_method: 'ANY',
      connection_type: 'VPC_LINK',
      connection_id: expect.stringMatching(/^\$\{aws_apigatewayv2_vpc_link\..+\.id\}$/),
      timeout_milliseconds: 30_000,
    });
  });

  it('leaves the API time to answer what it held as long as it may', () => {
    const { timeout_milliseconds: answerMsMax } = only(stack, 'aws_apigatewayv2_integration');
    expect(AWS_WAITING.waitSecondsMax * 1_000).toBeLessThanOrEqual(Number(answerMsMax) - 5_000);
  });

  it('finds the tasks by the registry’s service, whose records have the port', () => {
    const registryArn = expect.stringMatching(/^\$\{aws_service_discovery_service\..+\.arn\}$/);
    expect(only(stack, 'aws_apigatewayv2_integration')).toMatchObject({ integration_uri: registryArn });
    expect(made.ingress.target).toMatchObject({ kind: 'registry' });
    expect(only(stack, 'aws_service_discovery_service')).toMatchObject({
      name: 'api',
      dns_config: { routing_policy: 'MULTIVALUE', dns_records: [{ type: 'SRV', ttl: 10 }] },
      health_check_custom_config: { failure_threshold: 1 },
      force_destroy: true,
    });
    expect(only(stack, 'aws_service_discovery_private_dns_namespace')).toMatchObject({
      name: 'bpi-test-services.internal',
      vpc: 'vpc-test',
    });
  });

  it('enters the VPC by a link in a security group of its own, which admits nothing', () => {
    expect(only(stack, 'aws_apigatewayv2_vpc_link')).toMatchObject({
      subnet_ids: ['subnet-a', 'subnet-b'],
      security_group_ids: [expect.stringMatching(/^\$\{aws_security_group\..+\.id\}$/)],
    });
    expect(only(stack, 'aws_security_group')).not.toHaveProperty('ingress');
    expect(only(stack, 'aws_security_group')).not.toHaveProperty('egress');
    expect(all(stack, 'aws_vpc_security_group_ingress_rule')).toEqual([]);
  });

  it('is throttled', () => {
    expect(only(stack, 'aws_apigatewayv2_stage')).toMatchObject({
      name: '$default',
      auto_deploy: true,
      default_route_settings: { throttling_rate_limit: 50, throttling_burst_limit: 100 },
    });
  });

  it('logs nothing that a client wrote, nor where it is', () => {
    const { access_log_settings: log } = only(stack, 'aws_apigatewayv2_stage');
    expect(log).toMatchObject({ destination_arn: 'arn:access-log' });
    const fields = JSON.parse((log as { format: string }).format) as Record<string, string>;
    const variables = Object.values(fields).filter((value) => value.startsWith('$'));
    expect(variables.sort()).toEqual([
      '$context.error.responseType',
      '$context.integrationLatency',
      '$context.integrationStatus',
      '$context.requestId',
      '$context.requestTimeEpoch',
      '$context.responseLatency',
      '$context.responseLength',
      '$context.status',
    ]);
  });

  it('lets uploads through that fit AWS’s 10 MB with what surrounds them', () => {
    expect(made.uploadBytesMax).toBeLessThanOrEqual(10_000_000 - 64 * 1024);
  });
});

describe('browsers', () => {
  it('may not call it where no origin is named', () => {
    expect(only(synthesize().stack, 'aws_apigatewayv2_api')).not.toHaveProperty('cors_configuration');
  });

  it('may call it from the named origins, without cookies', () => {
    const origins = ['https://viewer.example.org'];
    expect(only(synthesize({ corsOrigins: origins }).stack, 'aws_apigatewayv2_api')).toMatchObject({
      cors_configuration: {
        allow_origins: origins,
        allow_credentials: false,
        allow_headers: expect.arrayContaining(['authorization', 'content-type', 'idempotency-key', 'if-none-match']),
        expose_headers: expect.arrayContaining(['location', 'retry-after', 'x-request-id']),
      },
    });
  });
});

describe('the address', () => {
  it('is API Gateway’s without a domain', () => {
    const { stack, made } = synthesize();
    expect(only(stack, 'aws_apigatewayv2_api')).toMatchObject({ disable_execute_api_endpoint: false });
    expect(all(stack, 'aws_route53_record')).toEqual([]);
    expect(made.url).not.toContain('example.org');
  });

  it('is the domain alone where there is one, with TLS 1.2 at least', () => {
    const { stack, made } = synthesize({ domain: DOMAIN });
    expect(made.url).toBe('https://inference.example.org');
    expect(only(stack, 'aws_apigatewayv2_api')).toMatchObject({ disable_execute_api_endpoint: true });
    expect(only(stack, 'aws_apigatewayv2_domain_name')).toMatchObject({
      domain_name: 'inference.example.org',
      domain_name_configuration: {
        endpoint_type: 'REGIONAL',
        security_policy: 'TLS_1_2',
        certificate_arn: expect.stringMatching(/^\$\{aws_acm_certificate_validation\..+\.certificate_arn\}$/),
      },
    });
    expect(all(stack, 'aws_apigatewayv2_api_mapping')).toHaveLength(1);
    const alias = all(stack, 'aws_route53_record').find(({ type }) => type === 'A');
    expect(alias).toMatchObject({
      name: 'inference.example.org',
      alias: { name: expect.stringMatching(/domain_name_configuration.*target_domain_name/) },
    });
  });
});
