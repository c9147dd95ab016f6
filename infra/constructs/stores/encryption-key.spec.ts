import { describe, expect, it } from '@jest/globals';
import { only, synthesizeConstruct, TEST_CONTEXT } from '../../testing/synth-construct.ts';
import { EncryptionKey } from './encryption-key.ts';
import type { Statement } from '../policy.ts';

const ACCOUNT = TEST_CONTEXT.accountId;
const stack = synthesizeConstruct((scope, context) => {
  new EncryptionKey(scope, 'key', context, { destroyWithContents: false });
});
const key = only(stack, 'aws_kms_key');
const { Statement: statements } = JSON.parse(String(key['policy'])) as { Statement: Statement[] };
const bySid = new Map(statements.map((statement) => [statement.Sid, statement]));

describe("the environment's own key", () => {
  it('changes its material every year, and takes a month to delete', () => {
    expect(key).toMatchObject({ enable_key_rotation: true, deletion_window_in_days: 30 });
    expect(only(stack, 'aws_kms_alias')).toMatchObject({ name: 'alias/bpi-test-data' });
  });

  it('cannot be deleted by a deployment, for everything that it encrypted would go with it', () => {
    expect(key['lifecycle']).toEqual({ prevent_destroy: true });
    expect(bySid.get('AnyResourceDeployment')?.Action).not.toContain('kms:ScheduleKeyDeletion');
  });

  it('admits these and nobody else', () => {
    expect(statements.map(({ Sid, Principal }) => [Sid, Principal])).toEqual([
      ['AnyResourceAccount', { AWS: `arn:aws:iam::${ACCOUNT}:root` }],
      ['AnyResourceDeployment', { AWS: `arn:aws:iam::${ACCOUNT}:role/github-actions-terraform` }],
      ['AnyResourceLogs', { Service: 'logs.us-east-1.amazonaws.com' }],
      ['AnyResourceEvents', { Service: 'events.amazonaws.com' }],
      ['AnyResourceAlarms', { Service: 'cloudwatch.amazonaws.com' }],
      ['AnyResourceMachines', { AWS: expect.stringMatching(/:role\/aws-service-role\/autoscaling\.amazonaws\.com\//) }],
      ['AnyResourceMachineGrants', { AWS: expect.stringMatching(/\/AWSServiceRoleForAutoScaling$/) }],
    ]);
  });

  it('lets only the account do everything', () => {
    const all = statements.filter(({ Action }) => Action.some((action) => action.includes('*')));
    expect(all.map(({ Sid }) => Sid)).toEqual(['AnyResourceAccount']);
  });

  it("holds each service to this account's own", () => {
    expect(bySid.get('AnyResourceLogs')?.Condition).toEqual({
      ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/bpi/*` },
    });
    // EventBridge names no source to KMS: the queue's own policy says which rules may send.
    expect(bySid.get('AnyResourceEvents')).not.toHaveProperty('Condition');
    expect(bySid.get('AnyResourceAlarms')?.Condition).toEqual({
      StringEquals: { 'kms:EncryptionContext:aws:sns:topicArn': `arn:aws:sns:us-east-1:${ACCOUNT}:bpi-test-alerts` },
    });
  });

  it('lets Auto Scaling use it for encrypted disks, and hand it on to AWS only', () => {
    expect(bySid.get('AnyResourceMachines')?.Action).toEqual([
      'kms:Decrypt',
      'kms:DescribeKey',
      'kms:Encrypt',
      'kms:GenerateDataKey',
      'kms:GenerateDataKeyWithoutPlaintext',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
    ]);
    expect(bySid.get('AnyResourceMachineGrants')).toMatchObject({
      Action: ['kms:CreateGrant'],
      Condition: { Bool: { 'kms:GrantIsForAWSResource': 'true' } },
    });
  });
});
