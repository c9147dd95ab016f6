import type { LogEvent } from './log.ts';

type Unit = 'Count' | 'Milliseconds';

/** One metric made of a log event: its value is a field of the event, or 1 for each event. */
type MetricRow = {
  name: string;
  unit: Unit;
  /** A numeric field of the event; absent = count the events. */
  field?: string;
  /** Count those events only that have this field. */
  countedWith?: string;
  /** Fields whose values are few and fixed: each combination is a metric of its own, and is paid for. */
  dimensions: readonly string[];
};

/**
 * What is measured, and from which log event: a metric cannot say what the log does not. Names are public: alarms and
 * dashboards use them.
 */
export const METRICS = {
  'http.request': [
    { name: 'RequestDuration', unit: 'Milliseconds', field: 'durationMs', dimensions: ['route'] },
    { name: 'Requests', unit: 'Count', dimensions: ['route', 'status'] },
  ],
  'http.failed': [{ name: 'RequestsFailed', unit: 'Count', dimensions: [] }],
  'job.submitted': [{ name: 'JobsSubmitted', unit: 'Count', dimensions: [] }],
  'job.phase': [
    { name: 'PhaseChanges', unit: 'Count', dimensions: ['to', 'code'] },
    { name: 'JobsFailed', unit: 'Count', countedWith: 'fault', dimensions: ['fault'] },
  ],
  'job.intent': [{ name: 'AttemptsGivenUp', unit: 'Count', dimensions: ['code'] }],
  'job.unknown': [{ name: 'UnknownJobs', unit: 'Count', dimensions: [] }],
  'task.launched': [{ name: 'LaunchDuration', unit: 'Milliseconds', field: 'durationMs', dimensions: [] }],
  'task.refused': [{ name: 'LaunchesRefused', unit: 'Count', dimensions: ['code'] }],
  'task.orphan': [{ name: 'OrphansStopped', unit: 'Count', dimensions: [] }],
  'task.interrupted': [{ name: 'TasksInterrupted', unit: 'Count', dimensions: [] }],
  'task.event.dropped': [{ name: 'EventsDropped', unit: 'Count', dimensions: ['reason'] }],
  'queue.message.dropped': [{ name: 'MessagesDropped', unit: 'Count', dimensions: ['reason'] }],
  'queue.depth': [{ name: 'QueueDepth', unit: 'Count', field: 'messages', dimensions: [] }],
  'pool.room': [
    { name: 'PoolSlots', unit: 'Count', field: 'slots', dimensions: ['pool'] },
    { name: 'PoolFree', unit: 'Count', field: 'free', dimensions: ['pool'] },
  ],
  'advance.failed': [{ name: 'AdvancesFailed', unit: 'Count', dimensions: [] }],
  'record.unreadable': [{ name: 'UnreadableRecords', unit: 'Count', dimensions: [] }],
  'loop.failed': [{ name: 'LoopsFailed', unit: 'Count', dimensions: ['loop'] }],
  'sweep.done': [
    { name: 'JobsActive', unit: 'Count', field: 'jobs', dimensions: [] },
    { name: 'SweepDuration', unit: 'Milliseconds', field: 'durationMs', dimensions: [] },
    { name: 'OldestQueuedAge', unit: 'Milliseconds', field: 'oldestQueuedMs', dimensions: [] },
  ],
  'stager.done': [
    { name: 'StageDuration', unit: 'Milliseconds', field: 'durationMs', dimensions: ['stage', 'result'] },
  ],
} as const satisfies Partial<Record<LogEvent, readonly MetricRow[]>>;

/** Where no environment is named. */
export const METRICS_NAMESPACE = 'BiomedParseInference';

/** Two environments of one account must not count for each other's alarms. */
export function metricsNamespaceOf(environment: string): string {
  return `${METRICS_NAMESPACE}/${environment}`;
}

/**
 * Puts CloudWatch's embedded metric format around log lines, so that a line is the log entry and the metric in one and
 * nothing has to be sent. Lines without a metric pass as they are.
 * Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.
 *
 * @param write receives the finished line.
 */
export function withMetrics(
  write: (line: string) => void,
  namespace: string = METRICS_NAMESPACE,
): (line: string) => void {
  return (line) => {
    const entry: Record<string, unknown> = JSON.parse(line);
    const rows = rowsOf(String(entry['event'])).filter(({ field, countedWith }) =>
      [field, countedWith].every((needed) => needed === undefined || needed in entry),
    );
    if (rows.length === 0) {
      write(line);
      return;
    }
    const counts = rows.filter(({ field }) => field === undefined).map(({ name }) => [name, 1] as const);
    const values = rows.flatMap(({ name, field }) => (field === undefined ? [] : [[name, entry[field]] as const]));
    const metadata = {
      Timestamp: Date.parse(String(entry['time'])),
      CloudWatchMetrics: rows.map(({ name, unit, dimensions }) => ({
        Namespace: namespace,
        // A dimension that this event does not have is left out of its set, or CloudWatch would drop the metric.
        Dimensions: [dimensions.filter((dimension) => dimension in entry)],
        Metrics: [{ Name: name, Unit: unit }],
      })),
    };
    const texts = rows.flatMap(({ dimensions }) => dimensions.filter((dimension) => dimension in entry));
    const dimensions = texts.map((dimension) => [dimension, String(entry[dimension])] as const);
    write(JSON.stringify({ ...entry, ...Object.fromEntries([...counts, ...values, ...dimensions]), _aws: metadata }));
  };
}

function rowsOf(event: string): readonly MetricRow[] {
  const table: Partial<Record<string, readonly MetricRow[]>> = METRICS;
  return table[event] ?? [];
}
