import { METRICS } from '@bpi/job-contract';

type OwnMetric = (typeof METRICS)[keyof typeof METRICS][number];
type OwnName = OwnMetric['name'];
type DimensionsOf<N extends OwnName> = Record<Extract<OwnMetric, { name: N }>['dimensions'][number], string>;

/** How the values of a period become one, in CloudWatch's words. */
export type Statistic = 'Average' | 'Maximum' | 'Minimum' | 'SampleCount' | 'Sum' | `p${number}`;

/** One series of values, named whole: CloudWatch finds nothing under a name that lacks a dimension. */
export type AlarmMetric = {
  namespace: string;
  name: string;
  dimensions: Readonly<Record<string, string>>;
  statistic: Statistic;
  /** Left out for AWS's own metrics. */
  unit?: 'Count' | 'Milliseconds';
};

/** Names a metric that the code writes into its log, with exactly the dimensions that the contract gives it. */
export type OwnMetrics = <N extends OwnName>(name: N, statistic: Statistic, dimensions: DimensionsOf<N>) => AlarmMetric;

/** @param namespace of the environment: another one's metrics have the same names. */
export function ownMetricsIn(namespace: string): OwnMetrics {
  return (name, statistic, dimensions) => {
    const row = Object.values(METRICS)
      .flat()
      .find((one) => one.name === name);
    if (row === undefined) throw new Error(`${name} is no metric of the contract: take one from METRICS.`);
    return { namespace, name, dimensions, statistic, unit: row.unit };
  };
}

/** @param name of the queue. SQS falls silent about one that was empty and unused for six hours. */
export function queueMetric(metric: string, statistic: Statistic, name: string): AlarmMetric {
  return { namespace: 'AWS/SQS', name: metric, dimensions: { QueueName: name }, statistic };
}

/** @param name of EventBridge's rule. */
export function ruleMetric(metric: string, statistic: Statistic, name: string): AlarmMetric {
  return { namespace: 'AWS/Events', name: metric, dimensions: { RuleName: name }, statistic };
}

/** @param name of the Auto Scaling group, which has to have its metrics enabled. */
export function groupMetric(metric: string, statistic: Statistic, name: string): AlarmMetric {
  return { namespace: 'AWS/AutoScaling', name: metric, dimensions: { AutoScalingGroupName: name }, statistic };
}
