import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRICS, metricsNamespaceOf } from '@bpi/job-contract';
import { describe, expect, it } from '@jest/globals';
import { ownMetricsIn, type AlarmMetric } from './alarm-metric.ts';
import { alarmTable, type Alarm, type AlarmSettings } from './alarm-table.ts';

const NAMESPACE = metricsNamespaceOf('test');

const SETTINGS: AlarmSettings = {
  metricsNamespace: NAMESPACE,
  deadLetters: { jobs: 'bpi-test-jobs-dead-letters', 'task-events': 'bpi-test-task-events-dead-letters' },
  eventRules: { 'task-changes': 'bpi-test-task-changes', 'spot-warnings': 'bpi-test-spot-warnings' },
  pools: {
    spot: { name: 'bpi-test-gpu-spot', groupName: 'group-1' },
    'on-demand': { name: 'bpi-test-gpu-on-demand', groupName: 'group-2' },
  },
  oldestQueuedMaxMinutes: 60,
  idleGpuMaxMinutes: 45,
  latencyMaxMs: 500,
};
const OPERATIONS = join(import.meta.dirname, '../../../docs/operations.md');

const alarms = alarmTable(SETTINGS);
const metricsOf = ({ of }: Alarm): AlarmMetric[] => ('formula' in of ? Object.values(of.metrics) : [of]);
const ownMetrics = alarms.flatMap(metricsOf).filter(({ namespace }) => namespace === NAMESPACE);
const contract: { name: string; unit: string; dimensions: readonly string[] }[] = Object.values(METRICS).flat();

describe('the alarms', () => {
  it('are these', () => {
    expect(alarms.map(({ id }) => id)).toEqual([
      'dead-letters-jobs',
      'dead-letters-task-events',
      'undelivered-task-changes',
      'undelivered-spot-warnings',
      'jobs-wait',
      'no-machines',
      'failures-platform',
      'failures-model',
      'failures-capacity',
      'idle-machines-spot',
      'idle-machines-on-demand',
      'api-errors',
      'api-latency',
      'api-silent',
      'worker-silent',
      'advances-fail',
      'unreadable-records',
    ]);
  });

  it('look at metrics that the code writes, by all of their dimensions and in their unit', () => {
    expect(ownMetrics.length).toBeGreaterThan(10);
    for (const { name, unit, dimensions } of ownMetrics) {
      const rows = contract.filter((row) => row.name === name);
      expect(rows.map((row) => [row.unit, [...row.dimensions].sort()])).toEqual([
        [unit, Object.keys(dimensions).sort()],
      ]);
    }
    expect(() => ownMetricsIn(NAMESPACE)('NoSuchMetric' as 'QueueDepth', 'Sum', {})).toThrow(
      'no metric of the contract',
    );
  });

  it("look at AWS's own metrics of our queues and groups, and no other", () => {
    const others = alarms.flatMap(metricsOf).filter(({ namespace }) => namespace !== NAMESPACE);
    expect(others.map(({ namespace, name, dimensions }) => [namespace, name, dimensions])).toEqual([
      ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: 'bpi-test-jobs-dead-letters' }],
      ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: 'bpi-test-task-events-dead-letters' }],
      ['AWS/Events', 'FailedInvocations', { RuleName: 'bpi-test-task-changes' }],
      ['AWS/Events', 'FailedInvocations', { RuleName: 'bpi-test-spot-warnings' }],
      ['AWS/AutoScaling', 'GroupInServiceInstances', { AutoScalingGroupName: 'group-1' }],
      ['AWS/AutoScaling', 'GroupInServiceInstances', { AutoScalingGroupName: 'group-2' }],
    ]);
  });

  it('take silence for trouble where something speaks all the time, and only there', () => {
    const wrong = alarms.filter(({ silence }) => silence === 'wrong');
    expect(wrong.map(({ id }) => id)).toEqual(['api-silent', 'worker-silent']);
    expect(wrong.every(({ periodS, periods }) => periodS * periods === 600)).toBe(true);
  });

  it('take their limits from the settings', () => {
    const limitOf = (wanted: string) => alarms.find(({ id }) => id === wanted);
    expect(limitOf('jobs-wait')).toMatchObject({ is: '>', threshold: 3_600_000 });
    expect(limitOf('api-latency')).toMatchObject({ is: '>', threshold: 500, of: { statistic: 'p95' } });
    expect(limitOf('idle-machines-spot')).toMatchObject({ periodS: 300, periods: 9 });
  });

  it.each([30, 31, 1_440])(
    'ask for no more than CloudWatch evaluates, a day (%i idle minutes)',
    (idleGpuMaxMinutes) => {
      const made = alarmTable({ ...SETTINGS, idleGpuMaxMinutes });
      const secondsOf = ({ periodS, periods }: Alarm) => periodS * periods;
      expect(Math.max(...made.map(secondsOf))).toBeLessThanOrEqual(86_400);
      const idle = made.filter(({ anchor }) => anchor === 'idle-machines').map(secondsOf);
      expect(Math.min(...idle)).toBeGreaterThanOrEqual(idleGpuMaxMinutes * 60);
      expect(Math.max(...idle)).toBeLessThan((idleGpuMaxMinutes + 5) * 60);
    },
  );

  it('have each a paragraph that says what to do', () => {
    const headings = existsSync(OPERATIONS) ? readFileSync(OPERATIONS, 'utf8').match(/^#+ .+$/gm) : null;
    const anchors = new Set((headings ?? []).map(anchorOf));
    expect(alarms.map(({ anchor }) => anchor).filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});

/** As GitHub makes the address of a heading. */
function anchorOf(heading: string): string {
  const text = heading.replace(/^#+ /, '').toLowerCase();
  return text.replace(/[^\w\- ]/g, '').replaceAll(' ', '-');
}
