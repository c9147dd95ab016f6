import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  FsObjectStore,
  openPlatformDatabase,
  SqliteClients,
  SqliteJobQueue,
  SqliteJobStore,
} from '@bpi/adapters-local';
import {
  ARTIFACTS,
  attemptArtifactKey,
  createLog,
  isJobId,
  problemSchema,
  submittedSchema,
  withTaps,
  type ArtifactName,
  type AuditEvent,
  type JobId,
  type ManifestEntry,
  type ModelManifest,
  type Problem,
} from '@bpi/job-contract';
import { Catalogue, type Clients, type Clock, type JobEvent, type JobStore, systemClock, transition } from '@bpi/jobs';
import type { ReadinessCheck } from '../health.controller.ts';
import { metricsOf } from '../metrics/api-metrics.ts';
import type { ApiPorts } from '../ports.ts';
import { DEFAULT_SETTINGS, type ApiSettings } from '../settings.ts';
import { startApi } from '../start-api.ts';
import type { FreeBytesOf } from '../upload/disk-room.ts';
import { watchAnswers } from './answer-watch.ts';
import { usualNpz } from './npz.ts';
import { TEST_MODELS } from './test-models.ts';

export type TestApi = {
  url: string;
  port: number;
  ports: ApiPorts;
  dataDir: string;
  scratchDir: string;
  /** Lines of JSON, in order. */
  logLines: string[];
  /** Entries of the audit trail, in order. */
  audited: AuditEvent[];
  /** Where `/metrics` is; null unless asked for. */
  metricsUrl: string | null;
  close(): Promise<void>;
};

/** As the package brings them; a release has copies. */
const SWAGGER_UI = pathToFileURL(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

/** The API over real HTTP on a free port, on SQLite and a folder of its own. Whatever it answers must be documented. */
export async function startTestApi(
  given: {
    settings?: Partial<ApiSettings>;
    readiness?: readonly ReadinessCheck[];
    models?: readonly ModelManifest[];
    /** What the API is given in place of the store; the test's own ports are the bare ones. */
    store?: (store: JobStore) => JobStore;
    /** A folder that the test keeps, for a second API after the first; else one of this API's own. */
    dataDir?: string;
    freeBytesOf?: FreeBytesOf;
    metrics?: 'offered';
    /** Moved on by a test that lets times pass. */
    clock?: Clock;
  } = {},
): Promise<TestApi> {
  const dataDir = given.dataDir ?? (await mkdtemp(join(tmpdir(), 'api-spec-')));
  const scratchDir = join(dataDir, 'scratch');
  const database = openPlatformDatabase(join(dataDir, 'platform.db'));
  const logLines: string[] = [];
  const audited: AuditEvent[] = [];
  const models = given.models ?? TEST_MODELS;
  const metrics = metricsOf(given.metrics === undefined ? null : { host: '127.0.0.1', port: 0 }, {
    models: models.map(({ name }) => name),
    pools: ['cpu', 'gpu'],
  });
  const ports: ApiPorts = {
    store: new SqliteJobStore(database, { pools: { cpu: 1, gpu: 1 }, dataRoot: dataDir }),
    queue: new SqliteJobQueue(database, systemClock),
    objects: new FsObjectStore(dataDir),
    clients: noting(new SqliteClients(database), audited),
  };
  const api = await startApi(
    {
      ports: { ...ports, store: given.store?.(ports.store) ?? ports.store },
      catalogue: new Catalogue(models),
      settings: {
        ...DEFAULT_SETTINGS,
        defaultModel: 'fixed',
        keyless: 'allowed',
        uploadBytesMax: 1024 * 1024,
        scratchReserveBytes: 0,
        dataReserveBytes: 0,
        refusals: { quota: 1_000_000, windowS: 1 },
        connectionsCheckingIntervalMs: 50,
        shutdownMs: 2_000,
        ...given.settings,
      },
      clock: given.clock ?? systemClock,
      log: withTaps(
        createLog((line) => logLines.push(line), Date.now),
        metrics?.book.taps ?? {},
      ),
      scratchDir,
      dataDir,
      ...(given.freeBytesOf === undefined ? {} : { freeBytesOf: given.freeBytesOf }),
      checkThread: new URL('../input-check/check-thread.ts', import.meta.url),
      swaggerUi: SWAGGER_UI,
      readiness: given.readiness ?? [],
      ...(metrics === null ? {} : { metrics }),
    },
    { host: '127.0.0.1', port: 0 },
  );
  const stopWatching = watchAnswers(api.port);
  return {
    url: `http://127.0.0.1:${api.port}`,
    port: api.port,
    ports,
    dataDir,
    scratchDir,
    logLines,
    audited,
    metricsUrl: api.metricsPort === null ? null : `http://127.0.0.1:${api.metricsPort}/metrics`,
    close: async () => {
      await api.close();
      database.close();
      if (given.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
      stopWatching();
    },
  };
}

/** The port has no way to read the trail, so what passes by is noted. */
function noting(clients: Clients, audited: AuditEvent[]): Clients {
  return {
    findKey: (keyId) => clients.findKey(keyId),
    putKey: (key) => clients.putKey(key),
    revokeKey: (keyId, atMs) => clients.revokeKey(keyId, atMs),
    listKeys: () => clients.listKeys(),
    audit: async (event) => {
      await clients.audit(event);
      audited.push(event);
    },
  };
}

export function inferForm(
  fields: Readonly<Record<string, string>> = {},
  file: Uint8Array | null = usualNpz(),
): FormData {
  const form = new FormData();
  if (file !== null) form.set('file', new File([Uint8Array.from(file)], 'input.npz'));
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}

export async function postInfer(api: TestApi, form: FormData, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${api.url}/infer`, { method: 'POST', body: form, headers });
}

/** Submits and answers the job's id. */
export async function submit(api: TestApi, form = inferForm(), headers: Record<string, string> = {}): Promise<JobId> {
  const response = await postInfer(api, form, headers);
  const body: unknown = await response.json();
  if (response.status !== 202) throw new Error(`the submission was refused: ${JSON.stringify(body)}`);
  return submittedSchema.parse(body).job_id;
}

export async function problemOf(response: Response): Promise<Problem> {
  return problemSchema.parse(await response.json());
}

/** Makes a key of a client; answers the Authorization header. */
export async function makeKey(api: TestApi, clientId: string): Promise<{ authorization: string; keyId: string }> {
  const keyId = randomBytes(6).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  const digest = createHash('sha256').update(secret).digest('hex');
  await api.ports.clients.putKey({ keyId, clientId, digest, createdAtMs: Date.now(), revokedAtMs: null });
  return { authorization: `Bearer bpi_${keyId}_${secret}`, keyId };
}

/** Applies events to a stored job, as a worker would. */
export async function applyEvents(api: TestApi, jobId: JobId, events: readonly JobEvent[]): Promise<void> {
  for (const event of events) {
    const stored = await api.ports.store.get(jobId);
    if (stored === null) throw new Error('no such job');
    const result = await api.ports.store.save(transition(stored.job, event));
    if (result !== 'saved') throw new Error(`the event ${event.type} was not saved: ${result}`);
  }
}

/** Lets a job complete with these artifacts. */
export async function completeJob(
  api: TestApi,
  jobId: JobId,
  artifacts: Partial<Record<ArtifactName, Buffer>>,
): Promise<void> {
  const manifest: ManifestEntry[] = [];
  for (const name of ['pred_mask.npz', 'pred_mask.nii.gz', 'preview.png', 'metadata.json'] as const) {
    const data = artifacts[name];
    if (data === undefined) continue;
    const key = attemptArtifactKey(jobId, 1, name);
    const put = await api.ports.objects.put(key, data, { ifAbsent: true });
    if (put.kind !== 'stored') throw new Error('the key is taken');
    manifest.push({ name, key, bytes: put.bytes, sha256: put.sha256, media_type: ARTIFACTS[name].mediaType });
  }
  const atMs = Date.now();
  await applyEvents(api, jobId, [
    { type: 'claimed', pool: 'cpu', definition: null, atMs },
    { type: 'started', task: 'task-1', atMs },
    { type: 'published', manifest, atMs },
  ]);
}

/** What a refused request must leave: nothing on the scratch disk, no job, no object. */
export async function leftovers(api: TestApi): Promise<{ scratch: string[]; jobs: number; folders: string[] }> {
  const scratch = await readdir(api.scratchDir);
  const jobs = (await api.ports.store.listActive({ limit: 100 })).length;
  const folders = (await readdir(join(api.dataDir, 'jobs')).catch(() => [])).filter(isJobId);
  return { scratch, jobs, folders };
}

export const NOTHING = { scratch: [], jobs: 0, folders: [] };

const WAIT_MS = 10_000;

/** Waits for a condition; for things that happen after an answer was sent, or without any. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the condition did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
