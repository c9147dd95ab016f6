/**
 * The stager inside an ECS task: `stager stage-in|stage-out`, each a container of its own around the model's. What to
 * do comes by environment (see STAGER_ENV), credentials come from the task's role, folders are the task's volumes.
 * Exit 0 and 1: see `runStageIn` and `runStageOut`; 2 = wrong usage; 143 = ended by a signal before it was done.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  openAwsClients,
  S3ObjectStore,
  sendStagerMessage,
  TASK_CONTAINERS,
  TASK_FILES,
  TASK_FOLDERS,
} from '@bpi/adapters-aws';
import { createLog, errorFields, reportKey, withMetrics } from '@bpi/job-contract';
import { Catalogue, systemClock } from '@bpi/jobs';
import { keepFolders } from './keep-folders.ts';
import { orStopped } from './or-stopped.ts';
import { StoppableObjects } from './stoppable-objects.ts';
import { parseTaskConfig, taskFileOf, TaskConfigError, type TaskConfig } from './task-config.ts';
import { readTaskState } from './task-metadata.ts';
import { runStageIn, runStageOut, type TaskStage } from './task-stages.ts';
import { WATCH_TIMES } from './task-watch.ts';
import { WorkFolder } from './work-folder.ts';

const STAGES = { 'stage-in': runStageIn, 'stage-out': runStageOut } as const;
const USAGE = 'usage: stager stage-in|stage-out';
const METADATA_TIMEOUT_MS = 2_000;
/** For what cannot be broken off after SIGTERM, such as a report on its way. */
const STOP_GRACE_MS = 5_000;
/** 128 + the number of SIGTERM, as a shell would say it. */
const STOPPED_EXIT = 143;

const log = createLog(
  withMetrics((line) => process.stdout.write(`${line}\n`)),
  systemClock.nowMs,
);

async function main(argv: readonly string[]): Promise<number> {
  const [name] = argv;
  if (argv.length !== 1 || (name !== 'stage-in' && name !== 'stage-out')) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const config = parseTaskConfig(process.env);
  const signal = stopSignal();
  const startedMs = systemClock.monotonicMs();
  const end = await orStopped(openStage(name, config, signal).then(STAGES[name]), signal, STOP_GRACE_MS);
  const durationMs = Math.round(systemClock.monotonicMs() - startedMs);
  const words = end === 'stopped' ? { result: end } : { result: end.result, ...(end.detail && { detail: end.detail }) };
  log('stager.done', { jobId: config.jobId, epoch: config.epoch, stage: name, ...words, durationMs });
  return end === 'stopped' ? STOPPED_EXIT : end.exitCode;
}

async function openStage(stage: keyof typeof STAGES, config: TaskConfig, signal: AbortSignal): Promise<TaskStage> {
  if (stage === 'stage-in') await keepFolders([TASK_FOLDERS.inputs, TASK_FOLDERS.outputs, TASK_FOLDERS.logs]);
  const work = new WorkFolder(TASK_FOLDERS.control, {
    inputs: TASK_FOLDERS.inputs,
    outputs: TASK_FOLDERS.outputs,
    logs: TASK_FILES.logs,
  });
  await work.writeTask(taskFileOf(config));
  const scratchDir = join(work.path, 'scratch');
  await mkdir(scratchDir, { recursive: true, mode: 0o700 });
  const clients = openAwsClients({ region: config.region });
  const bucket = new S3ObjectStore({ client: clients.s3, bucket: config.bucket, scratchDir });
  const objects = new StoppableObjects(bucket, { signal, lastKey: reportKey(config.jobId, config.epoch) });
  const metadata = { uri: config.metadataUri, containers: TASK_CONTAINERS, fetch, timeoutMs: METADATA_TIMEOUT_MS };
  return {
    context: { objects, catalogue: new Catalogue([config.manifest]), clock: systemClock, log },
    work,
    manifest: config.manifest,
    watch: {
      readTask: (until) => readTaskState(metadata, until),
      clock: systemClock,
      pause: async (ms, until) => delay(ms, undefined, { signal: until }),
      times: { ...WATCH_TIMES, startDeadlineMs: config.startDeadlineMs },
    },
    send: (message, until) => sendStagerMessage(clients.sqs, config.taskEventsQueueUrl, message, until),
    outputBytesMax: config.outputBytesMax,
    signal,
  };
}

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      log('service.stopping', { service: 'stager', signal: name.toLowerCase() });
      stop.abort();
    });
  }
  return stop.signal;
}

// By `exit`: neither an idle connection nor a message on its way keeps a task waiting that is done.
process.exit(
  await main(process.argv.slice(2)).catch((error: unknown) => {
    if (error instanceof TaskConfigError) process.stderr.write(`${error.message}\n`);
    log('service.failed', { service: 'stager', ...errorFields(error) });
    return 1;
  }),
);
