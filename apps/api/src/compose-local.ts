import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  FsObjectStore,
  openPlatformDatabase,
  SqliteClients,
  SqliteJobQueue,
  SqliteJobStore,
} from '@bpi/adapters-local';
import { withTaps, type Log } from '@bpi/job-contract';
import { Catalogue, systemClock } from '@bpi/jobs';
import { readCatalogue } from '@bpi/model-files';
import { chooseDefaultModel, ConfigError, type Config } from './config.ts';
import type { ReadinessCheck } from './health.controller.ts';
import { metricsOf } from './metrics/api-metrics.ts';
import { DEFAULT_SETTINGS } from './settings.ts';
import type { ApiOptions } from './start-api.ts';

export type LocalComposition = {
  options: ApiOptions;
  listen: { host: string; port: number };
  /** After the API was closed. */
  close(): void;
};

/** What the API on one machine is made of: SQLite, a folder, no cloud. @throws ConfigError */
export async function composeLocal(
  config: Config,
  given: { checkThread: URL; swaggerUi: URL; log: Log },
): Promise<LocalComposition> {
  const dataDir = resolve(config.dataDir);
  await mkdir(dataDir, { recursive: true });
  const models = await readCatalogue(config.modelsDirs.map((dir) => resolve(dir)));
  const catalogue = new Catalogue(models);
  const defaultModel = chooseDefaultModel(
    config.defaultModel,
    models.map((model) => model.name),
  );
  const pools = { cpu: config.localSlots, gpu: config.localSlots };
  const metrics = metricsOf(config.metricsAt, { models: models.map(({ name }) => name), pools: Object.keys(pools) });
  const log = metrics === null ? given.log : withTaps(given.log, metrics.book.taps);
  const database = openPlatformDatabase(join(dataDir, 'platform.db'));
  const clients = new SqliteClients(database);
  if (!config.isLoopback && (await clients.listKeys()).length === 0) {
    throw new ConfigError('HOST must be 127.0.0.1 until an API key exists: make one with tools/keys, or unset HOST.');
  }
  const options: ApiOptions = {
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
      ...config.limits,
      uploadBytesMax: config.uploadBytesMax,
      defaultModel,
      pools: { none: 'cpu', optional: config.hasGpu ? 'gpu' : 'cpu', required: 'gpu' },
      retention: config.retention,
      keyless: config.isLoopback ? 'allowed' : 'refused',
    },
    clock: systemClock,
    log,
    scratchDir: join(dataDir, 'scratch'),
    dataDir,
    checkThread: given.checkThread,
    swaggerUi: given.swaggerUi,
    readiness: [folderIsWritable(dataDir)],
    ...(metrics === null ? {} : { metrics }),
  };
  return { options, listen: { host: config.host, port: config.port }, close: () => database.close() };
}

function folderIsWritable(dir: string): ReadinessCheck {
  return async () => {
    const path = join(dir, `.ready-${process.pid}`);
    await writeFile(path, '');
    await rm(path, { force: true });
  };
}
