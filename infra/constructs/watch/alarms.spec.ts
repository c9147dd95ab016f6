import { describe, expect, it } from '@jest/globals';
import { all, synthesizeConstruct, type Body } from '../../testing/synth-construct.ts';
import type { AlarmSettings } from './alarm-table.ts';
import { Alarms } from './alarms.ts';

const TOPIC = 'arn:aws:sns:us-east-1:${data.aws_caller_identity.account.account_id}:bpi-test-alerts';
const SETTINGS: AlarmSettings = {
  metricsNamespace: 'BiomedParseInference/test',
  deadLetters: { jobs: 'bpi-test-jobs-dead-letters' },
  eventRules: { 'task-changes': '${aws_cloudwatch_event_rule.changes.name}' },
  pools: { spot: { name: 'bpi-test-gpu-spot', groupName: '${aws_autoscaling_group.spot.name}' } },
  oldestQueuedMaxMinutes: 60,
  idleGpuMaxMinutes: 45,
  latencyMaxMs: 500,
};

const stack = synthesizeConstruct((scope, context) => {
  new Alarms(scope, 'alarms', context, { ...SETTINGS, topicArn: TOPIC });
});
const alarms = all(stack, 'aws_cloudwatch_metric_alarm');

function alarm(name: string): Body {
  const [found] = alarms.filter((body) => body['alarm_name'] === `bpi-test-${name}`);
  if (found === undefined) throw new Error(`There is no alarm ${name}.`);
  return found;
}

describe('the alarms, as CloudWatch takes them', () => {
  it('mail when they begin and when they are over, and say where to read on', () => {
    expect(alarms).toHaveLength(14);
    for (const body of alarms) {
      expect(body).toMatchObject({ alarm_actions: [TOPIC], ok_actions: [TOPIC] });
      expect(body['alarm_description']).toMatch(/^[A-Z].{20,200}\. What to do: docs\/operations\.md#[a-z-]+$/);
    }
  });

  it('name one metric whole', () => {
    expect(alarm('failures-model')).toMatchObject({
      namespace: 'BiomedParseInference/test',
      metric_name: 'JobsFailed',
      dimensions: { fault: 'model' },
      unit: 'Count',
      statistic: 'Sum',
      comparison_operator: 'GreaterThanOrEqualToThreshold',
      threshold: 5,
      period: 3_600,
      evaluation_periods: 1,
      treat_missing_data: 'notBreaching',
    });
  });

  it('say percentiles in the field that is for them', () => {
    const latency = alarm('api-latency');
    expect(latency).toMatchObject({
      extended_statistic: 'p95',
      evaluate_low_sample_count_percentiles: 'ignore',
      comparison_operator: 'GreaterThanThreshold',
    });
    expect(latency).not.toHaveProperty('statistic');
  });

  it('ring when nothing is heard of the worker', () => {
    expect(alarm('worker-silent')).toMatchObject({
      comparison_operator: 'LessThanThreshold',
      threshold: 1,
      statistic: 'SampleCount',
      period: 300,
      evaluation_periods: 2,
      datapoints_to_alarm: 2,
      treat_missing_data: 'breaching',
    });
  });

  it('reckon idle machines from the group and the slots of its pool', () => {
    const idle = alarm('idle-machines-spot');
    expect(idle).not.toHaveProperty('metric_name');
    expect(idle['metric_query']).toEqual([
      expect.objectContaining({
        id: 'result',
        return_data: true,
        expression: 'IF(machines > 0 AND free >= slots, 1, 0)',
      }),
      {
        id: 'machines',
        return_data: false,
        metric: {
          namespace: 'AWS/AutoScaling',
          metric_name: 'GroupInServiceInstances',
          dimensions: { AutoScalingGroupName: '${aws_autoscaling_group.spot.name}' },
          period: 300,
          stat: 'Minimum',
        },
      },
      expect.objectContaining({ id: 'slots', metric: expect.objectContaining({ stat: 'Maximum', unit: 'Count' }) }),
      expect.objectContaining({
        id: 'free',
        metric: expect.objectContaining({ metric_name: 'PoolFree', dimensions: { pool: 'bpi-test-gpu-spot' } }),
      }),
    ]);
  });
});
