/** The local composition as a fleet of processes on one data folder: an API and several workers. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openPlatformDatabase, type PlatformDatabase } from '@bpi/adapters-local';
import { jobRecordSchema, LIMITS, modelManifestSchema, type JobRecord } from '@bpi/job-contract';
import { freePort } from '@bpi/tools';
import { bareEnvironment, repoRoot, required, until } from '../harness.ts';
import { Fleet, type MemberPlan, type Usage } from './fleet.ts';

const run = promisify(execFile);

export const API = 'api';

export type PlatformUnderFireOptions = {
  workers: number;
  slots: number;
  /** A worker's program and arguments, and what its environment has besides the usual. */
  worker: (dataDir: string) => { args: readonly string[]; env: Readonly<Record<string, string>> };
  /**
   * Of the test model. Its clock runs on while a frozen worker's jobs wait for another one, and on a machine that is
   * busy: longer than all that together, so that no job is the model's fault.
   */
  attemptTimeoutS: number;
  /** Appears in the volumes' prompts. */
  canary: string;
  /** Where the data folder is made. */
  parent: string;
};

/** One client is the whole fleet's: what it may do must not be what the run measures. */
const RATE = '100000000/1';
const LIMITS_RAISED = {
  QUEUED_JOBS_PER_CLIENT_MAX: String(LIMITS.queuedJobsPerClientMax),
  RATE_LIMITS: ['submit', 'status', 'results', 'other'].map((operation) => `${operation}=${RATE}`).join(),
} as const;
/** More than any check of the platform needs: a busy machine is slow, not wrong. */
const CHECKED_WITHIN_MS = 90_000;
/** A signal does not say when it was heard: after several of them, it was. */
const COLLECTIONS = 5;
const COLLECTION_PAUSE_MS = 100;
export const INPUTS = ['chaos-0', 'chaos-1', 'chaos-2', 'chaos-3', 'chaos-4', 'chaos-5'] as const;

export class PlatformUnderFire {
  readonly url: string;
  readonly dataDir: string;
  readonly fleet: Fleet;
  readonly workers: readonly string[];
  readonly database: PlatformDatabase;

  readonly #quietWithinMs: number;

  private constructor(from: {
    url: string;
    dataDir: string;
    fleet: Fleet;
    database: PlatformDatabase;
    attemptTimeoutS: number;
  }) {
    this.#quietWithinMs = 1_000 * from.attemptTimeoutS + CHECKED_WITHIN_MS;
    this.url = from.url;
    this.dataDir = from.dataDir;
    this.fleet = from.fleet;
    this.database = from.database;
    this.workers = from.fleet.names.filter((name) => name !== API);
  }

  static async start(options: PlatformUnderFireOptions): Promise<PlatformUnderFire> {
    const dataDir = await mkdtemp(join(options.parent, 'bpi-chaos-'));
    await chmod(dataDir, 0o700);
    const logs = join(dataDir, 'logs');
    await Promise.all([logs, join(dataDir, 'volumes')].map((folder) => mkdir(folder, { mode: 0o700 })));
    await writeModel(join(dataDir, 'models/echo'), options.attemptTimeoutS);
    const script = join(repoRoot, 'apps/e2e/src/python/make_chaos_volumes.py');
    await run(required('BPI_TEST_PYTHON'), [script, join(dataDir, 'volumes'), options.canary, ...INPUTS]);
    const port = await freePort();
    const fleet = new Fleet(plansOf(options, dataDir, port), logs);
    const url = `http://127.0.0.1:${port}`;
    const database = openPlatformDatabase(join(dataDir, 'platform.db'));
    const platform = new PlatformUnderFire({ url, dataDir, fleet, database, attemptTimeoutS: options.attemptTimeoutS });
    try {
      await fleet.startAll();
      await platform.ready();
      return platform;
    } catch (error) {
      await platform.close();
      throw error;
    }
  }

  inputPath(name: string): string {
    return join(this.dataDir, 'volumes', `${name}.npz`);
  }

  async ready(): Promise<void> {
    await until(
      async () => (await fetch(`${this.url}/health/ready`)).ok,
      (ok) => ok,
      CHECKED_WITHIN_MS,
    );
  }

  /** Workers that are not frozen. */
  awake(): string[] {
    return this.workers.filter((name) => !this.fleet.isFrozen(name));
  }

  async records(): Promise<JobRecord[]> {
    const rows = await this.database.read(() => this.database.sql('SELECT record FROM jobs').all());
    return rows.map(({ record }) => jobRecordSchema.parse(JSON.parse(String(record))));
  }

  async slotHolders(): Promise<string[]> {
    const rows = await this.database.read(() => this.database.sql('SELECT job_id FROM pool_holders').all());
    return rows.map((row) => String(row['job_id']));
  }

  async queueMessages(): Promise<number> {
    const row = await this.database.read(() =>
      this.database.sql('SELECT count(*) AS waiting FROM queue_messages').get(),
    );
    return Number(row?.['waiting']);
  }

  /**
   * Nobody holds a slot, and no message waits; one that was received while its job ran rests until that attempt's time
   * limit. What remains after that is for the invariants to say.
   */
  async untilQuiet(): Promise<void> {
    const isQuiet = async () => (await this.slotHolders()).length === 0 && (await this.queueMessages()) === 0;
    await until(isQuiet, (quiet) => quiet, this.#quietWithinMs).catch(() => undefined);
  }

  /** Of every process, after it collected its garbage. */
  async usages(): Promise<(Usage & { name: string })[]> {
    for (let round = 0; round < COLLECTIONS; round += 1) {
      this.fleet.collectGarbage();
      await delay(COLLECTION_PAUSE_MS);
    }
    return Promise.all(this.fleet.names.map(async (name) => ({ name, ...(await this.fleet.usage(name)) })));
  }

  async logs(): Promise<{ name: string; text: string }[]> {
    return Promise.all(this.fleet.names.map(async (name) => ({ name, text: await this.fleet.log(name) })));
  }

  /** Ends the processes; the folder stays. Safe to repeat. */
  async stop(): Promise<void> {
    await this.fleet.close();
  }

  /** `kept`: the folder of a run that failed stays, with all logs and the database, and where it is is said. */
  async close(folder: 'removed' | 'kept' = 'removed'): Promise<void> {
    await this.stop();
    this.database.close();
    if (folder === 'kept') process.stdout.write(`Everything of the failed run is kept in ${this.dataDir}\n`);
    else await rm(this.dataDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function writeModel(folder: string, attemptTimeoutS: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const manifest: unknown = JSON.parse(await readFile(join(repoRoot, 'apps/e2e/models/echo/model.json'), 'utf8'));
  const changed = { ...modelManifestSchema.parse(manifest), attempt_timeout_s: attemptTimeoutS };
  await writeFile(join(folder, 'model.json'), JSON.stringify(changed));
}

function plansOf(options: PlatformUnderFireOptions, dataDir: string, port: number): MemberPlan[] {
  const worker = options.worker(dataDir);
  const env = {
    ...bareEnvironment(),
    DATA_DIR: dataDir,
    MODELS_DIRS: join(dataDir, 'models'),
    LOCAL_SLOTS: String(options.slots),
    ...LIMITS_RAISED,
    HOST: '127.0.0.1',
    PORT: String(port),
    // They start again and again: Node keeps their compiled code.
    NODE_COMPILE_CACHE: join(dataDir, 'cache/node'),
  };
  const api = { name: API, args: [join(repoRoot, 'dist/apps/api/main.local.js')], env };
  const workers = Array.from({ length: options.workers }, (_, at) => ({
    name: `worker-${at + 1}`,
    args: worker.args,
    env: { ...env, ...worker.env },
  }));
  return [api, ...workers];
}
