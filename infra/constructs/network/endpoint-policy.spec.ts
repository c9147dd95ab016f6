import { describe, expect, it } from '@jest/globals';
import { endpointPolicy, GATEWAY_ENDPOINTS, INTERFACE_ENDPOINTS } from './endpoint-policy.ts';

const ACCOUNT = { accountId: 'ours', region: 'eu-central-1' };

describe('the policy of an endpoint', () => {
  const services = [...GATEWAY_ENDPOINTS, ...INTERFACE_ENDPOINTS].filter((service) => !/^ecs-./.test(service));

  it.each(services)('lets only our roles through to only our resources: %s', (service) => {
    const [own] = statementsOf(endpointPolicy(service, ACCOUNT));
    expect(own).toMatchObject({
      Effect: 'Allow',
      Principal: '*',
      Action: [`${service.split('.')[0]}:*`],
      Condition: {
        StringEquals: { 'aws:PrincipalAccount': 'ours' },
        StringEqualsIfExists: { 'aws:ResourceAccount': 'ours' },
      },
    });
  });

  it('admits somebody else’s bucket once: the layers of images, to read', () => {
    expect(statementsOf(endpointPolicy('s3', ACCOUNT))[1]).toEqual({
      Sid: 'ImageLayers',
      Effect: 'Allow',
      Principal: '*',
      Action: ['s3:GetObject'],
      Resource: ['arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/*'],
    });
    for (const service of services.filter((name) => name !== 's3')) {
      expect(statementsOf(endpointPolicy(service, ACCOUNT))).toHaveLength(1);
    }
  });

  it('is left out where the service takes none', () => {
    expect(endpointPolicy('ecs-agent', ACCOUNT)).toBeNull();
    expect(endpointPolicy('ecs-telemetry', ACCOUNT)).toBeNull();
  });
});

function statementsOf(policy: string | null): unknown[] {
  return (JSON.parse(policy ?? '{}') as { Statement: unknown[] }).Statement; // our own document
}
