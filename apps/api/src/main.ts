import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoClients, DynamoJobStore, openAwsClients, S3ObjectStore, SqsJobQueue } from '@bpi/adapters-aws';
import { createLog, errorFields, retentionOf, withMetrics, withTaps } from '@bpi/job-contract';
import { Catalogue, systemClock } from '@bpi/jobs';
import { readCatalogue } from '@bpi/model-files';
import { chooseDefaultModel, metricsAtOf } from './config.ts';
import { parseAwsConfig } from './config.aws.ts';
import type { ReadinessCheck } from './health.controller.ts';
import { limitSettings } from './limits/limit-variables.ts';
import { metricsOf } from './metrics/api-metrics.ts';
import type { ApiPorts } from './ports.ts';
import { AWS_WAITING, DEFAULT_SETTINGS } from './settings.ts';
import { startApi } from './start-api.ts';
import { stopSignal } from './stop-signal.ts';

/* The API on AWS: DynamoDB, SQS, S3. Credentials come from the task's role. */

/** A wake-up is only sent here, never received. */
const VISIBILITY_UNUSED_MS = 1_000;

const print = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const config = parseAwsConfig(process.env);
  const catalogue = new Catalogue(await readCatalogue(config.MODELS_DIRS.split(':').map((dir) => resolve(dir))));
  const names = catalogue.all().map(({ name }) => name);
  const pools = config.POOLS.map(([pool]) => pool);
  const metrics = metricsOf(metricsAtOf(config), { models: names, pools });
  const log = withTaps(
    createLog(withMetrics(print, config.METRICS_NAMESPACE), systemClock.nowMs),
    metrics?.book.taps ?? {},
  );
  const defaultModel = chooseDefaultModel(config.DEFAULT_MODEL ?? null, names);
  const spoolDir = join(config.SCRATCH_DIR, 'spool');
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  const clients = openAwsClients({ region: config.AWS_REGION });
  const ports: ApiPorts = {
    store: new DynamoJobStore(clients.dynamo, {
      tableName: config.JOBS_TABLE,
      pools: Object.fromEntries(config.POOLS),
      onUnreadable: (jobId) => log('record.unreadable', { jobId }),
    }),
    queue: new SqsJobQueue({
      client: clients.sqs,
      queueUrl: config.JOB_QUEUE_URL,
      clock: systemClock,
      visibilityTimeoutMs: VISIBILITY_UNUSED_MS,
      onDropped: (reason) => log('queue.message.dropped', { reason }),
    }),
    objects: new S3ObjectStore({ client: clients.s3, bucket: config.BUCKET, scratchDir: spoolDir }),
    clients: new DynamoClients(clients.dynamo, { tableName: config.JOBS_TABLE }),
  };
  const [firstPool] = config.POOLS[0] ?? [''];
  const api = await startApi(
    {
      ports,
      catalogue,
      settings: {
        ...DEFAULT_SETTINGS,
        ...AWS_WAITING,
        ...limitSettings(config),
        uploadBytesMax: config.UPLOAD_BYTES_MAX,
        defaultModel,
        pools: { none: firstPool, optional: firstPool, required: firstPool },
        startDeadlineMs: config.START_DEADLINE_MS,
        totalDeadlineMs: config.TOTAL_DEADLINE_MS,
        retention: retentionOf(config),
      },
      clock: systemClock,
      log,
      scratchDir: join(config.SCRATCH_DIR, 'uploads'),
      checkThread: new URL('./input-check/check-thread.js', import.meta.url),
      ...(metrics === null ? {} : { metrics }),
      swaggerUi: new URL('./swagger-ui/', import.meta.url),
      readiness: readinessOf(ports),
    },
    { host: config.HOST, port: config.PORT },
  );
  log('service.started', { service: 'api', port: api.port, pid: process.pid });
  const signal = await stopSignal();
  log('service.stopping', { service: 'api', signal: signal.toLowerCase() });
  await delay(config.LISTEN_AFTER_STOP_MS);
  await api.close();
  clients.destroy();
  log('service.stopped', { service: 'api' });
}

/** Queue and bucket answer; the table is asked by the API itself. */
function readinessOf({ queue, objects }: ApiPorts): ReadinessCheck[] {
  return [
    async () => {
      await queue.depth();
    },
    async () => {
      await objects.head('jobs/absent');
    },
  ];
}

main().catch((error: unknown) => {
  // Before there is a configuration there are no metrics either.
  createLog(print, systemClock.nowMs)('service.failed', { service: 'api', ...errorFields(error) });
  // Nothing of a client's can be in what stops a start: its mend may be said in words.
  if (error instanceof Error) process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
