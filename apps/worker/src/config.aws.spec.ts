import { LAUNCH_CALL_MS_MAX } from '@bpi/adapters-aws';
import { AWS_POLICY } from '@bpi/jobs';
import { describe, expect, it } from '@jest/globals';
import { parseAwsConfig } from './config.aws.ts';

const ENV = {
  AWS_REGION: 'eu-central-1',
  JOBS_TABLE: 'jobs',
  JOB_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/jobs',
  BUCKET: 'job-bucket',
  POOLS: 'gpu-spot=2,gpu-on-demand=1',
  CLUSTER: 'arn:aws:ecs:eu-central-1:123456789012:cluster/dev',
  TASK_EVENTS_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/task-events',
  TASK_DEFINITIONS: '{"brain-mri@1.0.0":"arn:aws:ecs:eu-central-1:123456789012:task-definition/brain-mri:3"}',
};

describe('the worker’s configuration on AWS', () => {
  it('takes the second pool for the steadier one', () => {
    const config = parseAwsConfig(ENV);
    expect(config.POOLS).toEqual([
      ['gpu-spot', 2],
      ['gpu-on-demand', 1],
    ]);
    expect(config.policy.steadyPools).toEqual({ 'gpu-spot': 'gpu-on-demand' });
    expect(parseAwsConfig({ ...ENV, POOLS: 'gpu=1' }).policy.steadyPools).toEqual({});
  });

  it('calls a task gone only after the last launch of it could have been seen', () => {
    const { launchLeaseMs, taskGoneAfterMs } = AWS_POLICY;
    const listLagMs = 20_000; // far longer than ECS's lists were ever seen to lag
    expect(launchLeaseMs + LAUNCH_CALL_MS_MAX + listLagMs).toBeLessThan(taskGoneAfterMs);
  });

  it.each([
    ['TASK_DEFINITIONS', '{"brain-mri":"arn:aws:ecs:eu-central-1:123456789012:task-definition/brain-mri:3"}'],
    ['TASK_DEFINITIONS', '{"brain-mri@1.0.0":"arn:aws:ecs:eu-central-1:123456789012:task-definition/brain-mri"}'],
    ['POOLS', 'gpu=0'],
    ['HEALTH_PORT', 'x'],
    ['AWS_REGION', 'Frankfurt am Main'],
  ])('says what %s must be instead of %s', (name, value) => {
    expect(messageOf({ ...ENV, [name]: value })).toMatch(new RegExp(`^${name} must be [^\n]*\.$`));
  });

  it('names every variable that is missing, and has no default for what names an environment', () => {
    const sentences = messageOf({});
    for (const name of Object.keys(ENV)) expect(sentences).toContain(`${name} must be`);
    expect(sentences.split('\n')).toHaveLength(Object.keys(ENV).length);
  });

  it.each([
    ['POOLS', 'two of them'],
    ['POOLS', 'gpu=1,gpu=2'],
    ['TASK_DEFINITIONS', '{"half'],
    ['JOB_QUEUE_URL', 'no-url'],
    ['CLUSTER', 'somewhere'],
    ['POLICY', '{"placementTimeout":1}'],
  ])('refuses %s=%s without repeating it', (name, value) => {
    const sentences = messageOf({ ...ENV, [name]: value });
    expect(sentences).toMatch(new RegExp(`^${name} `));
    expect(sentences).not.toContain(value);
  });

  it('lays the times that are given over its own, and refuses those that contradict each other', () => {
    const policy = JSON.stringify({ placementTimeoutMs: 60_000 });
    expect(parseAwsConfig({ ...ENV, POLICY: policy }).policy.placementTimeoutMs).toBe(60_000);
    expect(messageOf({ ...ENV, POLICY: JSON.stringify({ taskGoneAfterMs: 1 }) })).toContain('taskGoneAfterMs');
  });
});

function messageOf(env: Record<string, string>): string {
  try {
    parseAwsConfig(env);
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error('the configuration should have been refused');
}
