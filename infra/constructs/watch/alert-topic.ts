import { SnsTopic } from '@cdktf/provider-aws/lib/sns-topic/index.js';
import { SnsTopicPolicy } from '@cdktf/provider-aws/lib/sns-topic-policy/index.js';
import { SnsTopicSubscription } from '@cdktf/provider-aws/lib/sns-topic-subscription/index.js';
import { Construct } from 'constructs';
import { allow, policyDocument } from '../policy.ts';
import type { StackContext } from '../stack-context.ts';
import { tlsOnly } from '../tls-only.ts';

/** The last part of its name, which the key's policy knows it by. */
export const ALERT_TOPIC = 'alerts';

export type AlertTopicSettings = {
  /** Who gets the mails; has to confirm the subscription once, by the link in the first of them. */
  email: string;
};

/** Where alarms go. They name metrics and times, nothing of a job. */
export class AlertTopic extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: AlertTopicSettings) {
    super(scope, id);
    const topic = new SnsTopic(this, 'topic', {
      name: context.name(ALERT_TOPIC),
      // Never AWS's own key alias/aws/sns: its policy, which nobody can change, keeps CloudWatch out.
      ...(context.keyArn === null ? {} : { kmsMasterKeyId: context.keyArn }),
    });
    new SnsTopicPolicy(this, 'policy', { arn: topic.arn, policy: topicPolicy(topic.arn, context) });
    new SnsTopicSubscription(this, 'mail', { topicArn: topic.arn, protocol: 'email', endpoint: settings.email });
    this.arn = topic.arn;
  }
}

/** Source: "Example cases for Amazon SNS access control", Amazon SNS Developer Guide. */
function topicPolicy(topicArn: string, { name, region, accountId }: StackContext): string {
  const alarms = `arn:aws:cloudwatch:${region}:${accountId}:alarm:${name('*')}`;
  return policyDocument([
    allow({
      sid: 'AlarmsOfThisEnvironment',
      principal: { Service: 'cloudwatch.amazonaws.com' },
      actions: ['sns:Publish'],
      resources: [topicArn],
      condition: { StringEquals: { 'aws:SourceAccount': accountId }, ArnLike: { 'aws:SourceArn': alarms } },
    }),
    tlsOnly('sns', [topicArn]),
  ]);
}
