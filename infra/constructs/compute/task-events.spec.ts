import { TASK_EVENTS } from '@bpi/adapters-aws';
import { describe, expect, it } from '@jest/globals';
import { all, synthesizeConstruct } from '../../testing/synth-construct.ts';
import { MessageQueue } from '../stores/message-queue.ts';
import { TaskEvents } from './task-events.ts';

const CLUSTER = 'arn:aws:ecs:us-east-1:1:cluster/bpi-test-cluster';

const stack = synthesizeConstruct((scope, context) => {
  const queue = new MessageQueue(scope, 'queue', context, {
    name: 'task-events',
    maxReceiveCount: 10,
    retentionDays: 4,
    visibilityTimeoutS: 60,
    policy: 'elsewhere',
  });
  new TaskEvents(scope, 'events', context, { clusterArn: CLUSTER, queue });
});

/** References to the rules, as in a policy. */
const RULES = Object.keys(stack.resource['aws_cloudwatch_event_rule'] ?? {}).map(
  (id) => `\${aws_cloudwatch_event_rule.${id}.arn}`,
);

describe('the events of tasks', () => {
  it('are the changes of our cluster’s tasks and the warnings of Spot, as the worker reads them', () => {
    const patterns = all(stack, 'aws_cloudwatch_event_rule').map((rule) => JSON.parse(String(rule['event_pattern'])));
    const { taskChange, spotWarning } = TASK_EVENTS;
    expect(patterns).toEqual([
      { source: [spotWarning.source], 'detail-type': [spotWarning.detailType] },
      { source: [taskChange.source], 'detail-type': [taskChange.detailType], detail: { clusterArn: [CLUSTER] } },
    ]);
  });

  it('go to the queue, or to its dead letters when it cannot be reached', () => {
    const targets = all(stack, 'aws_cloudwatch_event_target');
    expect(targets).toHaveLength(2);
    for (const target of targets) {
      expect(target['arn']).toMatch(/^\$\{aws_sqs_queue\.queue_\w+\.arn\}$/);
      expect(target['dead_letter_config']).toEqual({
        arn: expect.stringMatching(/^\$\{aws_sqs_queue\.queue_dead-letters_\w+\.arn\}$/),
      });
    }
  });

  it.each([
    ['the queue', 'queue'],
    ['its dead letters', 'queue_dead-letters'],
  ])('are let into %s from these two rules only, over TLS only', (_name, id) => {
    const attributeOf = (attribute: string) => new RegExp(`^\\$\\{aws_sqs_queue\\.${id}_[0-9A-F]+\\.${attribute}\\}$`);
    const policy = all(stack, 'aws_sqs_queue_policy').find(({ queue_url: url }) =>
      attributeOf('url').test(String(url)),
    );
    const arn = expect.stringMatching(attributeOf('arn'));
    expect(JSON.parse(String(policy?.['policy']))).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'EventsOfOurRules',
          Effect: 'Allow',
          Principal: { Service: 'events.amazonaws.com' },
          Action: ['sqs:SendMessage'],
          Resource: [arn],
          Condition: { ArnEquals: { 'aws:SourceArn': expect.arrayContaining(RULES) } },
        },
        {
          Sid: 'TlsOnly',
          Effect: 'Deny',
          Principal: '*',
          Action: ['sqs:*'],
          Resource: [arn],
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ],
    });
    expect(RULES).toHaveLength(2);
  });
});
