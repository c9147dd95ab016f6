import { REQUIRED_SETTINGS } from '@bpi/adapters-aws';
import { describe, expect, it } from '@jest/globals';
import { all, only, synthesizeConstruct, type Body, type SynthesizedStack } from '../../testing/synth-construct.ts';
import { MessageQueue, type MessageQueueSettings } from './message-queue.ts';

const KEY = 'arn:aws:kms:us-east-1:${data.aws_caller_identity.account.account_id}:key/test';
const SETTINGS: MessageQueueSettings = {
  name: 'jobs',
  maxReceiveCount: REQUIRED_SETTINGS.jobQueue.maxReceiveCount,
  retentionDays: 4,
  visibilityTimeoutS: 60,
  policy: 'own',
};

function synthesize(settings: Partial<MessageQueueSettings> = {}, keyArn: string | null = null): SynthesizedStack {
  return synthesizeConstruct(
    (scope, context) => {
      new MessageQueue(scope, 'queue', context, { ...SETTINGS, ...settings });
    },
    { keyArn },
  );
}

function queuesOf(stack: SynthesizedStack): { queue: Body; deadLetters: Body } {
  const queues = all(stack, 'aws_sqs_queue');
  const [queue] = queues.filter(({ name }) => name === 'bpi-test-jobs');
  const [deadLetters] = queues.filter(({ name }) => name === 'bpi-test-jobs-dead-letters');
  if (queue === undefined || deadLetters === undefined || queues.length !== 2) throw new Error('not these two queues');
  return { queue, deadLetters };
}

describe('a queue', () => {
  it('hands on what was received too often, and keeps that longer than it keeps anything itself', () => {
    const { queue, deadLetters } = queuesOf(synthesize());
    expect(queue).toMatchObject({ message_retention_seconds: 4 * 86_400, visibility_timeout_seconds: 60 });
    expect(deadLetters).toMatchObject({ message_retention_seconds: 14 * 86_400 });
    expect(JSON.parse(String(queue['redrive_policy']))).toEqual({
      deadLetterTargetArn: expect.stringMatching(/^\$\{aws_sqs_queue\.queue_dead-letters_\w+\.arn\}$/),
      maxReceiveCount: 1_000, // a job that waits for its slot is received once in a while
    });
    expect(deadLetters).not.toHaveProperty('redrive_policy');
    expect(() => synthesize({ retentionDays: 14 })).toThrow('less than 14 days');
  });

  it('takes dead letters of this queue only', () => {
    const { redrive_allow_policy: policy } = only(synthesize(), 'aws_sqs_queue_redrive_allow_policy');
    expect(JSON.parse(String(policy))).toEqual({
      redrivePermission: 'byQueue',
      sourceQueueArns: [expect.stringMatching(/^\$\{aws_sqs_queue\.queue_\w+\.arn\}$/)],
    });
  });

  it("is encrypted, like its dead letters, with SQS's key or with the environment's own", () => {
    for (const queue of Object.values(queuesOf(synthesize()))) {
      expect(queue).toMatchObject({ sqs_managed_sse_enabled: true });
      expect(queue).not.toHaveProperty('kms_master_key_id');
    }
    for (const queue of Object.values(queuesOf(synthesize({}, KEY)))) {
      expect(queue).toMatchObject({ kms_master_key_id: KEY });
      expect(queue).not.toHaveProperty('sqs_managed_sse_enabled');
    }
  });

  it('waits for messages as long as SQS can', () => {
    expect(queuesOf(synthesize()).queue).toMatchObject({ receive_wait_time_seconds: 20 });
  });

  it('turns away whoever comes without TLS, unless somebody else makes its policy', () => {
    const policies = all(synthesize(), 'aws_sqs_queue_policy');
    expect(new Set(policies.map((policy) => policy['queue_url'])).size).toBe(2);
    for (const { policy } of policies) {
      expect(JSON.parse(String(policy)).Statement).toEqual([
        expect.objectContaining({
          Effect: 'Deny',
          Principal: '*',
          Action: ['sqs:*'],
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      ]);
    }
    expect(all(synthesize({ policy: 'elsewhere' }), 'aws_sqs_queue_policy')).toEqual([]);
  });
});
