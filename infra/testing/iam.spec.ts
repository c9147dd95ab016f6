import { describe, expect, it } from '@jest/globals';
import { isAllowed, parsePolicy } from './iam.ts';

const BUCKET = 'arn:aws:s3:::jobs';

function decide(statement: object | object[], request: Parameters<typeof isAllowed>[1]): boolean {
  const Statement = Array.isArray(statement) ? statement : [statement];
  return isAllowed(parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement })), request);
}

describe('the evaluator of policies', () => {
  const read = { Effect: 'Allow', Action: 's3:GetObject', Resource: `${BUCKET}/jobs/*` };

  it.each([
    [true, 's3:GetObject', `${BUCKET}/jobs/1/input`],
    [true, 'S3:getobject', `${BUCKET}/jobs/1`],
    [false, 's3:PutObject', `${BUCKET}/jobs/1`],
    [false, 's3:GetObject', `${BUCKET}/weights/1`],
    [false, 's3:GetObjectTagging', `${BUCKET}/jobs/1`],
  ])('answers %s to %s on %s', (expected, action, resource) => {
    expect(decide(read, { action, resource })).toBe(expected);
  });

  it('lets a denial win', () => {
    const denial = { Effect: 'Deny', Action: 's3:*', Resource: '*' };
    expect(decide([read, denial], { action: 's3:GetObject', resource: `${BUCKET}/jobs/1` })).toBe(false);
  });

  it('counts a key that was not sent as a mismatch, unless the condition says IfExists', () => {
    const list = { Effect: 'Allow', Action: 's3:ListBucket', Resource: BUCKET };
    const when = (operator: string) => ({ ...list, Condition: { [operator]: { 's3:prefix': 'jobs/*' } } });
    const request = { action: 's3:ListBucket', resource: BUCKET };
    expect(decide(when('StringLike'), request)).toBe(false);
    expect(decide(when('StringLikeIfExists'), request)).toBe(true);
    expect(decide(when('StringLikeIfExists'), { ...request, keys: { 's3:prefix': 'weights/' } })).toBe(false);
    expect(decide(when('StringLike'), { ...request, keys: { 's3:prefix': 'jobs/1' } })).toBe(true);
  });

  it('takes a condition on all values of a key as one on the value that is there', () => {
    const tag = { Effect: 'Allow', Action: 'kms:TagResource', Resource: '*' };
    const ours = { ...tag, Condition: { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['Project', 'Environment'] } } };
    const request = (key: string) => ({ action: 'kms:TagResource', resource: '*', keys: { 'aws:TagKeys': key } });
    expect(decide(ours, request('Project'))).toBe(true);
    expect(decide(ours, request('Owner'))).toBe(false);
    expect(decide(ours, { action: 'kms:TagResource', resource: '*' })).toBe(true);
  });

  it('refuses a condition that it does not know', () => {
    const strange = { ...read, Condition: { DateLessThan: { 'aws:CurrentTime': '2030' } } };
    const request = { action: 's3:GetObject', resource: `${BUCKET}/jobs/1`, keys: { 'aws:CurrentTime': '2029' } };
    expect(() => decide(strange, request)).toThrow('DateLessThan is not known');
  });
});
