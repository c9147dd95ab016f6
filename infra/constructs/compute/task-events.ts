import { TASK_EVENTS } from '@bpi/adapters-aws';
import { CloudwatchEventRule } from '@cdktf/provider-aws/lib/cloudwatch-event-rule/index.js';
import { CloudwatchEventTarget } from '@cdktf/provider-aws/lib/cloudwatch-event-target/index.js';
import { SqsQueuePolicy } from '@cdktf/provider-aws/lib/sqs-queue-policy/index.js';
import { Construct } from 'constructs';
import type { MessageQueue } from '../stores/message-queue.ts';
import { allow, policyDocument } from '../policy.ts';
import type { StackContext } from '../stack-context.ts';
import { tlsOnly } from '../tls-only.ts';

export type TaskEventsSettings = {
  clusterArn: string;
  /** Made with `policy: 'elsewhere'`: the policies of it and of its dead letters are made here. */
  queue: Pick<MessageQueue, 'arn' | 'url' | 'deadLetters'>;
};

type RuleSettings = {
  name: string;
  description: string;
  event: { source: string; detailType: string };
  detail?: Readonly<Record<string, readonly string[]>>;
};

/** What EventBridge tells the worker: every change of a task of the cluster, and every machine that is about to go. */
export class TaskEvents extends Construct {
  /** Names of the rules, by a word for each. */
  readonly ruleNames: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, context: StackContext, { clusterArn, queue }: TaskEventsSettings) {
    super(scope, id);
    const rules = [
      this.#rule('task-changes', context, queue, {
        name: 'task-changes',
        description: 'Changes of the tasks of the cluster, for the worker',
        event: TASK_EVENTS.taskChange,
        detail: { clusterArn: [clusterArn] },
      }),
      // The warning names a machine and no group; the worker knows which machines are its own.
      this.#rule('spot-warnings', context, queue, {
        name: 'spot-warnings',
        description: 'Spot machines that EC2 takes back in two minutes, for the worker',
        event: TASK_EVENTS.spotWarning,
      }),
    ];
    this.ruleNames = Object.fromEntries(rules.map(({ id: word, name }) => [word, name]));
    const ruleArns = rules.map(({ arn }) => arn);
    this.#admit('policy', ruleArns, queue);
    // EventBridge itself puts there what it could not deliver.
    this.#admit('dead-letters-policy', ruleArns, queue.deadLetters);
  }

  #rule(id: string, context: StackContext, queue: TaskEventsSettings['queue'], settings: RuleSettings) {
    const { name, description, event, detail } = settings;
    const rule = new CloudwatchEventRule(this, id, {
      name: context.name(name),
      description,
      eventPattern: JSON.stringify({
        source: [event.source],
        'detail-type': [event.detailType],
        ...(detail === undefined ? {} : { detail }),
      }),
    });
    new CloudwatchEventTarget(this, `${id}-target`, {
      rule: rule.name,
      targetId: 'task-events',
      arn: queue.arn,
      deadLetterConfig: { arn: queue.deadLetters.arn },
    });
    return { id, name: rule.name, arn: rule.arn };
  }

  #admit(id: string, ruleArns: readonly string[], { url, arn }: { url: string; arn: string }): void {
    const send = allow({
      sid: 'EventsOfOurRules',
      principal: { Service: 'events.amazonaws.com' },
      actions: ['sqs:SendMessage'],
      resources: [arn],
      condition: { ArnEquals: { 'aws:SourceArn': ruleArns } },
    });
    new SqsQueuePolicy(this, id, { queueUrl: url, policy: policyDocument([send, tlsOnly('sqs', [arn])]) });
  }
}
