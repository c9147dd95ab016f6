import {
  CloudwatchMetricAlarm,
  type CloudwatchMetricAlarmConfig,
  type CloudwatchMetricAlarmMetricQuery,
} from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm/index.js';
import { Construct } from 'constructs';
import type { AlarmMetric } from './alarm-metric.ts';
import { alarmTable, type Alarm, type AlarmSettings } from './alarm-table.ts';
import type { StackContext } from '../stack-context.ts';

/** Where the paragraph of each alarm lies in the repository. */
export const OPERATIONS_PAGE = 'docs/operations.md';

const OPERATORS = {
  '>=': 'GreaterThanOrEqualToThreshold',
  '>': 'GreaterThanThreshold',
  '<': 'LessThanThreshold',
} as const satisfies Record<Alarm['is'], string>;

/** The alarms of alarm-table.ts, each of which says when it begins and when it is over. */
export class Alarms extends Construct {
  constructor(scope: Construct, id: string, context: StackContext, settings: AlarmSettings & { topicArn: string }) {
    super(scope, id);
    for (const alarm of alarmTable(settings)) {
      new CloudwatchMetricAlarm(this, alarm.id, {
        alarmName: context.name(alarm.id),
        alarmDescription: `${alarm.says} What to do: ${OPERATIONS_PAGE}#${alarm.anchor}`,
        ...measured(alarm),
        comparisonOperator: OPERATORS[alarm.is],
        threshold: alarm.threshold,
        evaluationPeriods: alarm.periods,
        datapointsToAlarm: alarm.periods,
        treatMissingData: alarm.silence === 'fine' ? 'notBreaching' : 'breaching',
        alarmActions: [settings.topicArn],
        okActions: [settings.topicArn],
      });
    }
  }
}

function measured({ of, periodS }: Alarm): Partial<CloudwatchMetricAlarmConfig> {
  if ('formula' in of) return { metricQuery: queries(of, periodS) };
  const { namespace, name, dimensions, statistic, unit } = of;
  return {
    namespace,
    metricName: name,
    dimensions,
    period: periodS,
    ...(unit === undefined ? {} : { unit }),
    ...(isPercentile(statistic)
      ? // One slow request among few is no trend.
        { extendedStatistic: statistic, evaluateLowSampleCountPercentiles: 'ignore' }
      : { statistic }),
  };
}

function queries(
  { metrics, formula }: { metrics: Readonly<Record<string, AlarmMetric>>; formula: string },
  periodS: number,
): CloudwatchMetricAlarmMetricQuery[] {
  return [
    { id: 'result', expression: formula, label: formula, returnData: true },
    ...Object.entries(metrics).map(([id, { namespace, name, dimensions, statistic, unit }]) => ({
      id,
      returnData: false,
      metric: {
        namespace,
        metricName: name,
        dimensions,
        period: periodS,
        stat: statistic,
        ...(unit === undefined ? {} : { unit }),
      },
    })),
  ];
}

function isPercentile(statistic: string): boolean {
  return statistic.startsWith('p');
}
