/** One machine's data folder on which one build after the other runs, and a client that outlives them. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { Client, LocalPlatform } from '@bpi/tools';
import Dockerode from 'dockerode';
import { z } from 'zod';
import { ownContainers, python, repoRoot, required, until } from './harness.ts';
import { ALL_JOBS, RUNNING_JOBS, type JobName } from './upgrade-jobs.ts';

const run = promisify(execFile);

/** As far as every release agrees on it: earlier ones do not know all that this one asks for. */
const acceptedSchema = z.object({ job_id: z.string() });
const statusSchema = z.object({
  status: z.string(),
  phase: z.string(),
  error: z.object({ code: z.string() }).optional(),
});
const resultSchema = z.object({
  artifacts: z.array(z.object({ name: z.string(), url: z.string(), sha256: z.string() })),
});

/** A machine that is slow for whatever reason makes no outcome another one. */
const ATTEMPT_TIMEOUT_S = 120;
const REFUSED_WITHIN_MS = 30_000;

export class UpgradeMachine {
  readonly dataDir: string;
  readonly docker = new Dockerode({ socketPath: required('BPI_TEST_DOCKER_SOCKET') });
  /** Whoever runs now. */
  #platform: LocalPlatform | null = null;
  #key = '';

  private constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  static async make(): Promise<UpgradeMachine> {
    const dataDir = await mkdtemp(join(tmpdir(), 'bpi-e2e-upgrade-'));
    await chmod(dataDir, 0o700);
    await python('make_volumes.py', dataDir);
    const manifest: object = JSON.parse(await readFile(join(repoRoot, 'apps/e2e/models/echo/model.json'), 'utf8'));
    await mkdir(join(dataDir, 'models/echo'), { recursive: true });
    const patient = { ...manifest, attempt_timeout_s: ATTEMPT_TIMEOUT_S };
    await writeFile(join(dataDir, 'models/echo/model.json'), JSON.stringify(patient));
    return new UpgradeMachine(dataDir);
  }

  async start(root: string): Promise<void> {
    this.#platform = await LocalPlatform.start({
      repoRoot: root,
      dataDir: this.dataDir,
      port: 0,
      modelsDirs: [join(this.dataDir, 'models')],
      dockerSocket: required('BPI_TEST_DOCKER_SOCKET'),
      env: {
        DEFAULT_MODEL: 'echo',
        SWEEP_INTERVAL_MS: '1000',
        LOCAL_SLOTS: String(Object.keys(RUNNING_JOBS).length),
      },
    });
  }

  async stop(): Promise<void> {
    await this.#platform?.stop();
  }

  /** API and worker at once, and for good. */
  async kill(): Promise<void> {
    const { api, worker } = this.#running;
    const gone = [api.stop(), worker.stop()]; // or they would be started again
    for (const child of [api, worker]) child.kill('SIGKILL');
    await Promise.all(gone);
  }

  async close(): Promise<void> {
    await this.stop();
    for (const { Id } of await ownContainers(this.docker, this.dataDir)) {
      await this.docker.getContainer(Id).remove({ force: true });
    }
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** What each program of a build says that cannot start here. */
  async refusals(root: string): Promise<string[]> {
    const env = { PATH: process.env['PATH'] ?? '', DATA_DIR: this.dataDir, MODELS_DIRS: join(this.dataDir, 'models') };
    const refusalOf = (app: string) =>
      run(process.execPath, [join(root, `dist/apps/${app}/main.local.js`)], { env, timeout: REFUSED_WITHIN_MS }).then(
        () => 'none: it ran, and ended by itself',
        ({ stderr }: { stderr: string }) => stderr.trim(),
      );
    return Promise.all(['api', 'worker'].map(refusalOf));
  }

  /** Runs `tools/keys` of a build. */
  async keys(root: string, ...args: string[]): Promise<string> {
    const script = join(root, 'tools/src/keys.ts');
    return (await run(process.execPath, [script, ...args, '--data', this.dataDir])).stdout.trim();
  }

  /** From now on requests come with this key. */
  useKey(key: string): void {
    this.#key = key;
  }

  /** With the schemas of this release. */
  client(key = this.#key): Client {
    return new Client(this.#running.url, key);
  }

  /** The same each time, with the same key: a repetition is one. */
  async submit(name: JobName): Promise<string> {
    const form = new FormData();
    form.set('model', 'echo');
    form.set('params', JSON.stringify(ALL_JOBS[name].params));
    form.set('geometry', '{"spacing_order":"zyx"}');
    form.set('external_job_id', name);
    form.set('file', new Blob([await readFile(join(this.dataDir, 'prompted.npz'))]), 'input.npz');
    const headers = { 'idempotency-key': name.replaceAll(' ', '-') };
    return acceptedSchema.parse(await (await this.ask('/infer', { method: 'POST', body: form, headers })).json())
      .job_id;
  }

  ask(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#key}`, ...init.headers };
    return fetch(this.#running.url + path, { ...init, headers });
  }

  /** Asks for a change, and for no answer but that it is granted. */
  async order(method: 'POST' | 'DELETE', path: string): Promise<void> {
    const answer = await this.ask(path, { method });
    const body = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${body}`);
  }

  async status(jobId: string): Promise<z.infer<typeof statusSchema>> {
    return statusSchema.parse(await (await this.ask(`/status/${jobId}`)).json());
  }

  /** What became of a job, in the words of a plan. */
  outcome(jobId: string): Promise<string> {
    return until(
      async () => {
        const answer = await this.ask(`/status/${jobId}`);
        const body: unknown = await answer.json();
        if (answer.status === 410) return 'deleted';
        const { status, error } = statusSchema.parse(body);
        return error?.code ?? status;
      },
      (word) => word !== 'pending' && word !== 'running',
    );
  }

  /** SHA-256 of what a client downloads, by artifact. */
  async download(jobId: string): Promise<Record<string, string>> {
    const { artifacts } = resultSchema.parse(await (await this.ask(`/result/${jobId}`)).json());
    const digests: Record<string, string> = {};
    for (const { name, url } of artifacts) {
      const bytes = Buffer.from(await (await this.ask(url)).arrayBuffer());
      digests[name] = createHash('sha256').update(bytes).digest('hex');
    }
    return digests;
  }

  /** Rows of the database, as somebody sees them who looks into the file. */
  rows(sql: string): Record<string, unknown>[] {
    const db = new DatabaseSync(join(this.dataDir, 'platform.db'), { readOnly: true });
    try {
      return db
        .prepare(sql)
        .all()
        .map((row) => ({ ...row }));
    } finally {
      db.close();
    }
  }

  get #running(): LocalPlatform {
    if (this.#platform === null) throw new Error('no build was started on this machine');
    return this.#platform;
  }
}
