import { describe, expect, it } from '@jest/globals';
import { only, synthesizeConstruct } from '../testing/synth-construct.ts';
import { LogGroup } from './log-group.ts';

const KEY = 'arn:aws:kms:us-east-1:${data.aws_caller_identity.account.account_id}:key/test';

describe('a log group', () => {
  it('keeps what it gets as long as the environment says, under AWS’s key', () => {
    const stack = synthesizeConstruct((scope, context) => {
      new LogGroup(scope, 'logs', { ...context, logRetentionDays: 30 }, { name: '/bpi/test/api' });
    });
    const group = only(stack, 'aws_cloudwatch_log_group');
    expect(group).toMatchObject({ name: '/bpi/test/api', retention_in_days: 30 });
    expect(group).not.toHaveProperty('kms_key_id');
  });

  it('is encrypted with the environment’s own key where there is one', () => {
    const stack = synthesizeConstruct(
      (scope, context) => {
        new LogGroup(scope, 'logs', context, { name: '/bpi/test/api' });
      },
      { keyArn: KEY },
    );
    expect(only(stack, 'aws_cloudwatch_log_group')).toMatchObject({ kms_key_id: KEY });
  });
});
