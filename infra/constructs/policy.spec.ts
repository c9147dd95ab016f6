import { describe, expect, it } from '@jest/globals';
import { allow, deny, policyDocument } from './policy.ts';

const QUEUE = 'arn:aws:sqs:us-east-1:123456789012:jobs';

describe('a policy statement', () => {
  it('says what may be done to what', () => {
    const statement = allow({ sid: 'Send', actions: ['sqs:SendMessage'], resources: [QUEUE] });
    expect(JSON.parse(policyDocument([statement]))).toEqual({
      Version: '2012-10-17',
      Statement: [{ Sid: 'Send', Effect: 'Allow', Action: ['sqs:SendMessage'], Resource: [QUEUE] }],
    });
  });

  it.each([
    ['a wildcard action', { actions: ['sqs:*'], resources: [QUEUE] }],
    ['any resource', { actions: ['sqs:SendMessage'], resources: ['*'] }],
    ['a reason that is none', { actions: ['sqs:*'], resources: [QUEUE], wildcardBecause: 'needed' }],
  ])('refuses %s', (_, grant) => {
    expect(() => allow({ sid: 'Anything', ...grant })).toThrow('The statement Anything has a wildcard');
  });

  it('takes a wildcard with its reason, and a place within a resource without one', () => {
    const token = { sid: 'AnyResourceToken', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] };
    expect(allow({ ...token, wildcardBecause: 'the token is of no resource' }).Resource).toEqual(['*']);
    expect(allow({ sid: 'Jobs', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::bucket/jobs/*'] })).toBeDefined();
  });

  it('may deny as much as it likes', () => {
    const condition = { Bool: { 'aws:SecureTransport': 'false' } };
    const statement = deny({ sid: 'TlsOnly', actions: ['s3:*'], resources: ['*'], principal: '*', condition });
    expect(statement).toMatchObject({ Effect: 'Deny', Principal: '*', Condition: condition });
  });
});
