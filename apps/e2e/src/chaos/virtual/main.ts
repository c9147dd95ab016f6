/**
 * A worker of the local composition whose tasks are rows: `main --data FOLDER --slots N`. Everything but the runner and
 * the patience is what the real one has. Started by a test, and by nothing else.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  FsObjectStore,
  openPlatformDatabase,
  SqliteClients,
  SqliteJobQueue,
  SqliteJobStore,
} from '@bpi/adapters-local';
import { createLog, DEFAULT_RETENTION, errorFields } from '@bpi/job-contract';
import { systemClock, type AdvanceContext } from '@bpi/jobs';
import { Liveness } from '@bpi/worker/liveness';
import { systemTimers } from '@bpi/worker/timers';
import { runWorker } from '@bpi/worker/worker';
import { scriptedTasks } from './scripted-tasks.ts';
import { VIRTUAL_POLICY } from './virtual-policy.ts';
import { VirtualTaskRunner } from './virtual-task-runner.ts';

const log = createLog((line) => process.stdout.write(`${line}\n`), systemClock.nowMs);

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: 'string' }, slots: { type: 'string' } } });
  const dataDir = values.data;
  if (dataDir === undefined) throw new Error('usage: main --data FOLDER --slots N');
  const database = openPlatformDatabase(join(dataDir, 'platform.db'));
  const objects = new FsObjectStore(dataDir);
  const onError = (error: unknown) => log('loop.failed', { loop: 'virtual', ...errorFields(error) });
  const runner = await VirtualTaskRunner.open({ database, clock: systemClock, onError, ...scriptedTasks(objects) });
  const context: AdvanceContext = {
    store: new SqliteJobStore(database, {
      pools: { cpu: Number(values.slots), gpu: 1 },
      dataRoot: dataDir,
      onUnreadable: (jobId) => log('record.unreadable', { jobId }),
    }),
    queue: new SqliteJobQueue(database, systemClock),
    clock: systemClock,
    policy: VIRTUAL_POLICY,
    runner,
    objects,
    log,
  };
  const stop = new AbortController();
  process.on('SIGTERM', () => stop.abort());
  log('service.started', { service: 'worker', pid: process.pid });
  await runWorker(
    { context, liveness: new Liveness(systemClock, log), signal: stop.signal, timers: systemTimers },
    {
      dispatch: {
        pools: ['cpu'],
        receiveMax: 10,
        receiveWaitMs: 20_000,
        fullWaitMs: 200,
        fullRedeliverMs: 10_000,
        redeliverMs: 200,
      },
      watch: { followUpMs: 200, lookAgainMs: 500 },
      sweep: { intervalMs: 1_000 },
      clean: { passIntervalMs: 60_000, roundIntervalMs: 5_000, cleanBackend: async () => {} },
      expiry: {
        clients: new SqliteClients(database),
        retention: DEFAULT_RETENTION,
        passIntervalMs: 60_000,
        roundIntervalMs: 1_000,
      },
    },
  );
  await runner.close();
  database.close();
  log('service.stopped', { service: 'worker' });
}

try {
  await main();
} catch (error) {
  log('service.failed', { service: 'worker', ...errorFields(error) });
  process.exitCode = 1;
}
