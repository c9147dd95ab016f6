import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  FsObjectStore,
  openPlatformDatabase,
  SqliteClients,
  SqliteJobQueue,
  SqliteJobStore,
} from '@bpi/adapters-local';
import { createLog, errorFields } from '@bpi/job-contract';
import { Catalogue, type Failpoint, type SubmitStep, systemClock } from '@bpi/jobs';
import { readCatalogue } from '@bpi/model-files';
import { chooseDefaultModel, ConfigError, parseConfig } from './config.ts';
import type { ReadinessCheck } from './health.controller.ts';
import { DEFAULT_SETTINGS } from './settings.ts';
import { startApi } from './start-api.ts';
import { stopSignal } from './stop-signal.ts';

/* The API on one machine: SQLite, a folder, no cloud. */

const log = createLog((line) => process.stdout.write(`${line}\n`), Date.now);

async function main(): Promise<void> {
  const config = parseConfig(process.env);
  const dataDir = resolve(config.dataDir);
  await mkdir(dataDir, { recursive: true });
  const models = await readCatalogue(config.modelsDirs.map((dir) => resolve(dir)));
  const catalogue = new Catalogue(models);
  const defaultModel = chooseDefaultModel(
    config.defaultModel,
    models.map((model) => model.name),
  );
  const database = openPlatformDatabase(join(dataDir, 'platform.db'));
  const clients = new SqliteClients(database);
  if (!config.isLoopback && (await clients.listKeys()).length === 0) {
    throw new ConfigError('HOST must be 127.0.0.1 until an API key exists: make one with tools/keys, or unset HOST.');
  }
  const pools = { cpu: config.localSlots, gpu: config.localSlots };
  const api = await startApi(
    {
      ports: {
        store: new SqliteJobStore(database, {
          pools,
          dataRoot: dataDir,
          onUnreadable: (jobId) => log('record.unreadable', { jobId }),
        }),
        queue: new SqliteJobQueue(database, systemClock),
        objects: new FsObjectStore(dataDir),
        clients,
      },
      catalogue,
      settings: {
        ...DEFAULT_SETTINGS,
        uploadBytesMax: config.uploadBytesMax,
        defaultModel,
        pools: { none: 'cpu', optional: config.hasGpu ? 'gpu' : 'cpu', required: 'gpu' },
        keyless: config.isLoopback ? 'allowed' : 'refused',
      },
      clock: systemClock,
      log,
      scratchDir: join(dataDir, 'scratch'),
      // The bundles lie to each other as the sources do.
      checkThread: new URL('./input-check/check-thread.js', import.meta.url),
      readiness: [folderIsWritable(dataDir)],
      failpoint: failpointOf(config.failpoint),
    },
    { host: config.host, port: config.port },
  );
  log('service.started', { service: 'api', port: api.port, pid: process.pid });
  const signal = await stopSignal();
  log('service.stopping', { service: 'api', signal: signal.toLowerCase() });
  await api.close();
  database.close();
  log('service.stopped', { service: 'api' });
}

function folderIsWritable(dir: string): ReadinessCheck {
  return async () => {
    const path = join(dir, `.ready-${process.pid}`);
    await writeFile(path, '');
    await rm(path, { force: true });
  };
}

/** SIGKILL, because a test of crashes must not give this process a chance to tidy up. */
function failpointOf(chosen: SubmitStep | null): Failpoint {
  return (step) => {
    if (step === chosen) process.kill(process.pid, 'SIGKILL');
  };
}

main().catch((error: unknown) => {
  log('service.failed', { service: 'api', ...errorFields(error) });
  // Nothing of a client's can be in what stops a start: its mend may be said in words.
  if (error instanceof Error) process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
