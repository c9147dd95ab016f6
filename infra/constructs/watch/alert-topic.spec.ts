import { describe, expect, it } from '@jest/globals';
import { only, synthesizeConstruct, TEST_CONTEXT } from '../../testing/synth-construct.ts';
import { AlertTopic } from './alert-topic.ts';

const KEY = 'arn:aws:kms:us-east-1:${data.aws_caller_identity.account.account_id}:key/test';
const EMAIL = '${var.alert_email}';

function synthesize(keyArn: string | null) {
  return synthesizeConstruct(
    (scope, context) => {
      new AlertTopic(scope, 'alerts', context, { email: EMAIL });
    },
    { keyArn },
  );
}

describe('the topic of the alerts', () => {
  it('sends mail to the address of the variable', () => {
    const mail = only(synthesize(null), 'aws_sns_topic_subscription');
    expect(mail).toMatchObject({ protocol: 'email', endpoint: EMAIL });
  });

  it('is encrypted with our own key or with none, never with the one that CloudWatch may not use', () => {
    expect(only(synthesize(null), 'aws_sns_topic')).not.toHaveProperty('kms_master_key_id');
    expect(only(synthesize(KEY), 'aws_sns_topic')).toMatchObject({
      name: 'bpi-test-alerts', // the key's policy knows it by this name
      kms_master_key_id: KEY,
    });
  });

  it("takes messages of this environment's alarms, over TLS", () => {
    const { policy } = only(synthesize(null), 'aws_sns_topic_policy');
    const account = TEST_CONTEXT.accountId;
    expect(JSON.parse(String(policy)).Statement).toEqual([
      {
        Sid: 'AlarmsOfThisEnvironment',
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: ['sns:Publish'],
        Resource: [expect.stringMatching(/^\$\{aws_sns_topic\.\w+\.arn\}$/)],
        Condition: {
          StringEquals: { 'aws:SourceAccount': account },
          ArnLike: { 'aws:SourceArn': `arn:aws:cloudwatch:us-east-1:${account}:alarm:bpi-test-*` },
        },
      },
      expect.objectContaining({
        Effect: 'Deny',
        Principal: '*',
        Action: ['sns:Publish'],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
    ]);
  });
});
