import {
  groupMetric,
  ownMetricsIn,
  queueMetric,
  ruleMetric,
  type AlarmMetric,
  type OwnMetrics,
} from './alarm-metric.ts';

export type AlarmSettings = {
  /** Where the environment's own metrics are. */
  metricsNamespace: string;
  /** Names of the queues of dead letters, by a word for each: `jobs`, `task-events`. */
  deadLetters: Readonly<Record<string, string>>;
  /** Names of EventBridge's rules for the task events, by a word for each. */
  eventRules: Readonly<Record<string, string>>;
  /** Capacity providers and their Auto Scaling groups, by a word for each: `spot`, `on-demand`. */
  pools: Readonly<Record<string, { name: string; groupName: string }>>;
  oldestQueuedMaxMinutes: number;
  /** Up to a day; counted in steps of five minutes. */
  idleGpuMaxMinutes: number;
  latencyMaxMs: number;
};

export type Alarm = {
  /** The last part of its name. */
  id: string;
  /** One metric, or several by short names, and a formula over them. */
  of: AlarmMetric | { metrics: Readonly<Record<string, AlarmMetric>>; formula: string };
  is: '>=' | '>' | '<';
  threshold: number;
  periodS: number;
  /** So many periods in a row. */
  periods: number;
  /** What it means that nothing was measured: nothing wrong, or just that. */
  silence: 'fine' | 'wrong';
  /** What it says, in one sentence. */
  says: string;
  /** Heading of its paragraph in docs/operations.md, as its address says it. */
  anchor: string;
};

const MINUTE_S = 60;
const FIVE_MINUTES_S = 5 * MINUTE_S;

/** Everything that wakes somebody up, and nothing that does not ask for an action. */
export function alarmTable(settings: AlarmSettings): Alarm[] {
  const own = ownMetricsIn(settings.metricsNamespace);
  return [
    ...deadLetterAlarms(settings),
    ...eventAlarms(settings),
    ...waitingAlarms(settings, own),
    ...failureAlarms(own),
    ...idleMachineAlarms(settings, own),
    ...apiAlarms(settings, own),
    ...workerAlarms(own),
  ];
}

function deadLetterAlarms({ deadLetters }: AlarmSettings): Alarm[] {
  return Object.entries(deadLetters).map(([word, queueName]) => ({
    id: `dead-letters-${word}`,
    of: queueMetric('ApproximateNumberOfMessagesVisible', 'Maximum', queueName),
    is: '>=',
    threshold: 1,
    periodS: FIVE_MINUTES_S,
    periods: 1,
    silence: 'fine',
    says: `A message of the queue ${word} could not be delivered, or was received again and again and not worked off.`,
    anchor: 'dead-letters',
  }));
}

/** What EventBridge could not deliver; the dead letters alone would be silent where it cannot write there either. */
function eventAlarms({ eventRules }: AlarmSettings): Alarm[] {
  return Object.entries(eventRules).map(([word, ruleName]) => ({
    id: `undelivered-${word}`,
    of: ruleMetric('FailedInvocations', 'Sum', ruleName),
    is: '>=',
    threshold: 1,
    periodS: FIVE_MINUTES_S,
    periods: 1,
    silence: 'fine',
    says: `EventBridge could not deliver events of the rule ${word}: jobs go on, but later.`,
    anchor: 'undelivered-events',
  }));
}

function waitingAlarms({ oldestQueuedMaxMinutes }: AlarmSettings, own: OwnMetrics): Alarm[] {
  return [
    {
      id: 'jobs-wait',
      of: own('OldestQueuedAge', 'Maximum', {}),
      is: '>',
      threshold: oldestQueuedMaxMinutes * MINUTE_S * 1_000,
      periodS: FIVE_MINUTES_S,
      periods: 2,
      silence: 'fine', // a sweep that found no job says nothing
      says: `A job has been waiting for more than ${oldestQueuedMaxMinutes} minutes.`,
      anchor: 'jobs-wait-too-long',
    },
    {
      id: 'no-machines',
      // Whoever gave up, the worker or ECS itself. A job waits a quarter of an hour each time, so one of them makes three
      // an hour at most.
      of: own('PhaseChanges', 'Sum', { to: 'queued', code: 'capacity_unavailable' }),
      is: '>=',
      threshold: 2,
      periodS: 60 * MINUTE_S,
      periods: 1,
      silence: 'fine',
      says: 'Tasks waited for a machine in PROVISIONING until they were given up, twice within an hour.',
      anchor: 'no-machines',
    },
  ];
}

/** A user's fault is no alarm. */
function failureAlarms(own: OwnMetrics): Alarm[] {
  const failures = (fault: 'platform' | 'model' | 'capacity', threshold: number, periodS: number) => ({
    id: `failures-${fault}`,
    of: own('JobsFailed', 'Sum', { fault }),
    is: '>=' as const,
    threshold,
    periodS,
    periods: 1,
    silence: 'fine' as const,
    anchor: `${fault}-failures`,
  });
  return [
    { ...failures('platform', 1, FIVE_MINUTES_S), says: 'A job failed by the platform’s fault.' },
    {
      ...failures('model', 5, 60 * MINUTE_S),
      says: 'Five jobs failed within an hour because of their model: it crashed, ran out of memory or time, or wrote no valid mask.',
    },
    { ...failures('capacity', 1, FIVE_MINUTES_S), says: 'A job failed because no machine could be had or kept.' },
  ];
}

/**
 * Machines of a pool in service while no job held one of its slots: neither now nor at any time of the period. A pool
 * that nobody counted is the worker's silence, which has an alarm of its own.
 */
function idleMachineAlarms({ pools, idleGpuMaxMinutes }: AlarmSettings, own: OwnMetrics): Alarm[] {
  return Object.entries(pools).map(([word, { name: pool, groupName }]) => ({
    id: `idle-machines-${word}`,
    of: {
      metrics: {
        machines: groupMetric('GroupInServiceInstances', 'Minimum', groupName),
        slots: own('PoolSlots', 'Maximum', { pool }),
        free: own('PoolFree', 'Minimum', { pool }),
      },
      formula: 'IF(machines > 0 AND free >= slots, 1, 0)',
    },
    is: '>=',
    threshold: 1,
    periodS: FIVE_MINUTES_S,
    periods: Math.ceil((idleGpuMaxMinutes * MINUTE_S) / FIVE_MINUTES_S),
    silence: 'fine',
    says: `A machine of the pool ${word} has been running for ${idleGpuMaxMinutes} minutes without a job.`,
    anchor: 'idle-machines',
  }));
}

function apiAlarms({ latencyMaxMs }: AlarmSettings, own: OwnMetrics): Alarm[] {
  return [
    {
      id: 'api-errors',
      of: own('RequestsFailed', 'Sum', {}),
      is: '>=',
      threshold: 5,
      periodS: FIVE_MINUTES_S,
      periods: 1,
      silence: 'fine',
      says: 'The API answered five requests within five minutes with an error of its own (5xx).',
      anchor: 'api-errors',
    },
    {
      id: 'api-latency',
      // One route, read by every client all the time; the others take as long as their files are large.
      of: own('RequestDuration', 'p95', { route: '/status/:job_id' }),
      is: '>',
      threshold: latencyMaxMs,
      periodS: 15 * MINUTE_S,
      periods: 1,
      silence: 'fine',
      says: `One status request in twenty took more than ${latencyMaxMs} ms.`,
      anchor: 'api-latency',
    },
    {
      id: 'api-silent',
      // Each container asks itself twice a minute, whether clients come or not.
      of: own('RequestDuration', 'SampleCount', { route: '/health/live' }),
      is: '<',
      threshold: 1,
      periodS: FIVE_MINUTES_S,
      periods: 2,
      silence: 'wrong',
      says: 'No API has answered for ten minutes, not even its own health check.',
      anchor: 'api-silent',
    },
  ];
}

function workerAlarms(own: OwnMetrics): Alarm[] {
  return [
    {
      id: 'worker-silent',
      of: own('QueueDepth', 'SampleCount', {}), // written every minute by each worker, after its sweep
      is: '<',
      threshold: 1,
      periodS: FIVE_MINUTES_S,
      periods: 2,
      silence: 'wrong',
      says: 'No worker has been seen for ten minutes: no job starts, none ends.',
      anchor: 'worker-silent',
    },
    {
      id: 'advances-fail',
      of: own('AdvancesFailed', 'Sum', {}),
      is: '>=',
      threshold: 20,
      periodS: 15 * MINUTE_S,
      periods: 1,
      silence: 'fine',
      says: 'The worker failed to move jobs forward twenty times in a quarter of an hour, and goes on trying.',
      anchor: 'advances-fail',
    },
    {
      id: 'unreadable-records',
      of: own('UnreadableRecords', 'Sum', {}),
      is: '>=',
      threshold: 1,
      periodS: FIVE_MINUTES_S,
      periods: 1,
      silence: 'fine',
      says: 'The record of an active job cannot be read, so nobody looks after that job.',
      anchor: 'unreadable-records',
    },
  ];
}
