/** The worker on AWS: DynamoDB, SQS, S3, and one ECS task per job. Credentials come from the task's role. */
import { tmpdir } from 'node:os';
import {
  DynamoClients,
  DynamoJobStore,
  EcsTaskRunner,
  openAwsClients,
  S3ObjectStore,
  SqsJobQueue,
} from '@bpi/adapters-aws';
import { createLog, errorFields, retentionOf, withMetrics, withTaps } from '@bpi/job-contract';
import { systemClock, type AdvanceContext, type Clients } from '@bpi/jobs';
import { parseAwsConfig, type AwsWorkerConfig } from './config.aws.ts';
import { startHealth } from './health.ts';
import { Liveness } from './liveness.ts';
import { systemTimers } from './timers.ts';
import { runWorker, type WorkerSettings } from './worker.ts';
import { WorkerMetrics } from './worker-metrics.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const config = parseAwsConfig(process.env);
  const metrics = new WorkerMetrics();
  const log = withTaps(createLog(withMetrics(print, config.METRICS_NAMESPACE), systemClock.nowMs), metrics.taps);
  const clients = openAwsClients({ region: config.AWS_REGION });
  const pools = Object.fromEntries(config.POOLS);
  const context: AdvanceContext = {
    store: new DynamoJobStore(clients.dynamo, {
      tableName: config.JOBS_TABLE,
      pools,
      onUnreadable: (jobId) => log('record.unreadable', { jobId }),
    }),
    queue: new SqsJobQueue({
      client: clients.sqs,
      queueUrl: config.JOB_QUEUE_URL,
      clock: systemClock,
      visibilityTimeoutMs: config.DISPATCH_VISIBILITY_MS,
      onDropped: (reason) => log('queue.message.dropped', { reason }),
    }),
    runner: new EcsTaskRunner(clients, {
      cluster: config.CLUSTER,
      taskEventsQueueUrl: config.TASK_EVENTS_QUEUE_URL,
      definitions: config.TASK_DEFINITIONS,
      log,
    }),
    // The worker reads reports and copies on the server's side; it puts nothing large.
    objects: new S3ObjectStore({ client: clients.s3, bucket: config.BUCKET, scratchDir: tmpdir() }),
    clock: systemClock,
    policy: config.policy,
    log,
  };
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      log('service.stopping', { service: 'worker', signal: name.toLowerCase() });
      stop.abort();
    });
  }
  const [firstPool] = config.POOLS[0] ?? [''];
  const ready = async () => {
    const { store, queue, objects, runner } = context;
    await Promise.all([store.room(firstPool), queue.depth(), objects.head('jobs/absent'), runner.list()]);
  };
  const liveness = new Liveness(systemClock, log);
  const isLive = () => liveness.isLive();
  const told = { isLive, ready, metrics: () => metrics.render() };
  const health = config.HEALTH_PORT === 0 ? null : await startHealth(config.HEALTH_PORT, told);
  log('service.started', { service: 'worker', pid: process.pid });
  const trail = new DynamoClients(clients.dynamo, { tableName: config.JOBS_TABLE });
  await runWorker({ context, liveness, signal: stop.signal, timers: systemTimers }, settingsOf(config, context, trail));
  health?.close();
  clients.destroy();
  log('service.stopped', { service: 'worker' });
}

function settingsOf(config: AwsWorkerConfig, context: AdvanceContext, trail: Clients): WorkerSettings {
  const pools = config.POOLS.map(([name]) => name);
  return {
    dispatch: {
      pools,
      receiveMax: 10,
      receiveWaitMs: 20_000,
      fullWaitMs: 5_000,
      fullRedeliverMs: config.FULL_REDELIVER_MS,
      redeliverMs: 5_000,
    },
    watch: { followUpMs: 2_000, lookAgainMs: config.LOOK_AGAIN_MS },
    sweep: {
      intervalMs: config.SWEEP_INTERVAL_MS,
      gauge: {
        everyMs: 60_000,
        log: async () => {
          for (const pool of pools) context.log('pool.room', { pool, ...(await context.store.room(pool)) });
          context.log('queue.depth', { messages: await context.queue.depth() });
        },
      },
    },
    clean: { passIntervalMs: 60 * 60 * 1_000, roundIntervalMs: 5_000, cleanBackend: async () => {} },
    expiry: { clients: trail, retention: retentionOf(config), passIntervalMs: 60_000, roundIntervalMs: 1_000 },
  };
}

try {
  await main();
} catch (error) {
  // Configuration errors are ours, one sentence per variable, and hold nothing of a client.
  process.stderr.write(`${error instanceof Error ? error.message : 'unknown error'}\n`);
  // Before there is a configuration there are no metrics either.
  createLog(print, systemClock.nowMs)('service.failed', { service: 'worker', ...errorFields(error) });
  process.exitCode = 1;
}
