import { describe, expect, it } from '@jest/globals';
import { all, only, synthesizeConstruct } from '../../testing/synth-construct.ts';
import { Domain } from './domain.ts';

const stack = synthesizeConstruct((scope) => {
  const domain = new Domain(scope, 'domain', { name: 'inference.example.org', zone: 'example.org' });
  domain.leadTo({ dnsName: 'ingress.test', zoneId: 'Z0INGRESS' });
});
const record = (type: string) => all(stack, 'aws_route53_record').find((found) => found['type'] === type);

describe('a domain of our own', () => {
  it('lies in a public zone that is there already', () => {
    expect(only(stack, 'aws_route53_zone')).toMatchObject({ name: 'example.org', private_zone: false });
    expect(stack.resource).not.toHaveProperty('aws_route53_zone');
  });

  it('has a certificate that its zone proves, and nobody uses it before it is issued', () => {
    expect(only(stack, 'aws_acm_certificate')).toMatchObject({
      domain_name: 'inference.example.org',
      validation_method: 'DNS',
      lifecycle: { create_before_destroy: true },
    });
    const [proof] = all(stack, 'aws_route53_record').filter(({ type }) => type !== 'A');
    expect(proof).toMatchObject({
      name: expect.stringMatching(/domain_validation_options.*resource_record_name/),
      records: [expect.stringMatching(/domain_validation_options.*resource_record_value/)],
    });
    expect(only(stack, 'aws_acm_certificate_validation')).toMatchObject({
      validation_record_fqdns: [expect.stringMatching(/^\$\{aws_route53_record\.domain_proof_.+\.fqdn\}$/)],
    });
  });

  it('leads to the ingress', () => {
    expect(record('A')).toMatchObject({
      name: 'inference.example.org',
      alias: { name: 'ingress.test', zone_id: 'Z0INGRESS', evaluate_target_health: false },
    });
  });
});
