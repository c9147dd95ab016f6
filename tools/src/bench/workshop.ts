import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../run/free-port.ts';
import { MeasuredProcess, type ProcessPlan } from './process.ts';

export type WorkshopOptions = {
  repoRoot: string;
  /** On the disk that is measured; emptied of what was made here. */
  parentDir: string;
  /** Of the peers, with FastAPI and NumPy. */
  python: string;
  headNifti: string;
  isSmall: boolean;
  log: (line: string) => void;
};

export type Served = { process: MeasuredProcess; port: number; url: string };

/** The limits of a client count as ever, but stop nobody: one client here does the work of hundreds. */
const OUT_OF_THE_WAY = {
  QUEUED_JOBS_PER_CLIENT_MAX: '100000',
  RATE_LIMITS: 'submit=100000000/10,status=100000000/10',
};

/** A place for one measurement: its files, its processes. `close` leaves nothing. */
export class Workshop {
  readonly options: WorkshopOptions;
  readonly dir: string;
  readonly #processes: MeasuredProcess[] = [];
  readonly #undo: (() => Promise<void>)[] = [];

  private constructor(options: WorkshopOptions, dir: string) {
    this.options = options;
    this.dir = dir;
  }

  static async open(options: WorkshopOptions): Promise<Workshop> {
    return new Workshop(options, await mkdtemp(join(options.parentDir, 'bench-')));
  }

  /** `full`, or what takes no time with `--small`. */
  size(full: number, small: number): number {
    return this.options.isSmall ? small : full;
  }

  async folder(name: string): Promise<string> {
    const path = join(this.dir, name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /** Removes a folder before the end: what is measured next needs the disk. */
  async empty(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true });
  }

  start(plan: ProcessPlan): MeasuredProcess {
    const started = new MeasuredProcess(plan);
    this.#processes.push(started);
    return started;
  }

  /** Something that is to be undone at the end, newest first. */
  defer(undo: () => Promise<void>): void {
    this.#undo.push(undo);
  }

  async runPython(script: string, ...args: readonly string[]): Promise<void> {
    const path = join(import.meta.dirname, 'python', script);
    await this.start({ name: script, command: [this.options.python, path, ...args] }).ends();
  }

  /** A volume as a client sends it (`imgs`) or a model leaves it (`segs`); its path. */
  async makeVolume(
    name: string,
    as: { how: 'stored' | 'deflated'; key?: 'imgs' | 'segs'; dtype?: string; shape: readonly number[] },
  ): Promise<string> {
    const path = join(this.dir, name);
    const { how, key = 'imgs', dtype = 'uint8', shape } = as;
    await this.runPython('make_volume.py', this.options.headNifti, path, how, key, dtype, ...shape.map(String));
    return path;
  }

  /** The API of one machine as it is deployed: its bundle, in a process of its own. */
  async startApi(dataDir: string): Promise<Served> {
    const port = await freePort();
    const entry = join(this.options.repoRoot, 'dist/apps/api/main.local.js');
    const process_ = this.start({
      name: 'the API',
      command: [process.execPath, entry],
      env: {
        DATA_DIR: dataDir,
        MODELS_DIRS: join(this.options.repoRoot, 'apps/models'),
        DEFAULT_MODEL: 'brain-mri',
        PORT: String(port),
        ...OUT_OF_THE_WAY,
      },
    });
    const url = `http://127.0.0.1:${port}`;
    await process_.answers(`${url}/health/ready`);
    return { process: process_, port, url };
  }

  /** FastAPI; its temporary files lie on the same disk. */
  async startPeer(): Promise<Served> {
    const port = await freePort();
    const script = join(import.meta.dirname, 'python/peer_server.py');
    const process_ = this.start({
      name: 'FastAPI',
      command: [this.options.python, script, String(port)],
      env: { TMPDIR: await this.folder('peer') },
    });
    const url = `http://127.0.0.1:${port}`;
    await process_.answers(`${url}/status/none`);
    return { process: process_, port, url };
  }

  /** Plain `node:http`. */
  async startRawReceiver(): Promise<Served> {
    const port = await freePort();
    const script = join(import.meta.dirname, 'raw-receiver.ts');
    const command = [process.execPath, script, String(port), await this.folder('raw')];
    const process_ = this.start({ name: 'node:http', command });
    const url = `http://127.0.0.1:${port}`;
    await process_.answers(url);
    return { process: process_, port, url };
  }

  async close(): Promise<void> {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) await undo().catch(() => undefined);
    await Promise.all(this.#processes.map((started) => started.stop()));
    await rm(this.dir, { recursive: true, force: true });
  }
}
