/** A task runner whose tasks are rows of the platform's database and outlive every process. */
import { EventEmitter, on } from 'node:events';
import type { PlatformDatabase } from '@bpi/adapters-local';
import { jobIdSchema, type JobId, type TaskRef } from '@bpi/job-contract';
import type { Clock, LaunchResult, ListedTask, Observation, TaskEvent, TaskId, TaskRunner, TaskSpec } from '@bpi/jobs';
import type { ModelExit } from '../../scripted-artifacts.ts';

/** What a task does with its time; nothing else happens in it. */
export type VirtualPlan = {
  startMs: number;
  modelMs: number;
  exit: ModelExit;
  /** Only force ends it early. */
  ignoresStop: boolean;
};

export type VirtualTaskRunnerOptions = {
  database: PlatformDatabase;
  clock: Clock;
  /** The same answer however often it is asked. Null: there is no such model here. */
  planOf: (spec: TaskSpec) => Promise<VirtualPlan | null>;
  /** What comes after the model: stores artifacts and report, each only if absent. Any worker does it, more than one may. */
  stageOut: (task: { jobId: JobId; epoch: number; ref: TaskRef; shrunk: boolean }, exit: ModelExit) => Promise<void>;
  onError: (error: unknown) => void;
};

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS virtual_tasks (
    job_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    shrunk INTEGER NOT NULL,
    starts_at_ms INTEGER NOT NULL,
    ends_at_ms INTEGER NOT NULL,
    exit TEXT NOT NULL,
    ignores_stop INTEGER NOT NULL,
    -- 'exited' or 'stopped': nothing of it will do anything any more.
    over TEXT,
    PRIMARY KEY (job_id, epoch)
  ) STRICT, WITHOUT ROWID`;
const INSERT = `
  INSERT INTO virtual_tasks (job_id, epoch, shrunk, starts_at_ms, ends_at_ms, exit, ignores_stop)
  VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
const GET = 'SELECT * FROM virtual_tasks WHERE job_id = ? AND epoch = ?';
const LIST = 'SELECT job_id, epoch, over FROM virtual_tasks';
const END = 'UPDATE virtual_tasks SET over = ? WHERE job_id = ? AND epoch = ? AND over IS NULL';
const REMOVE = 'DELETE FROM virtual_tasks WHERE job_id = ? AND epoch = ? AND over IS NOT NULL';

type Row = {
  jobId: JobId;
  epoch: number;
  shrunk: boolean;
  startsAtMs: number;
  endsAtMs: number;
  exit: ModelExit;
  ignoresStop: boolean;
  over: 'exited' | 'stopped' | null;
};

/**
 * Tasks without containers: rows beside the jobs, and time. A model "runs" while the clock is between two times of its
 * row, so it outlives every process; whichever worker looks after that does what follows it. A test's own.
 */
export class VirtualTaskRunner implements TaskRunner {
  readonly #options: VirtualTaskRunnerOptions;
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #staging = new Map<TaskRef, Promise<void>>();
  readonly #timers = new Set<NodeJS.Timeout>();

  /** Creates its table where that is missing. */
  static async open(options: VirtualTaskRunnerOptions): Promise<VirtualTaskRunner> {
    await options.database.write(() => options.database.sql(SCHEMA).run());
    return new VirtualTaskRunner(options);
  }

  private constructor(options: VirtualTaskRunnerOptions) {
    this.#options = options;
  }

  definitionOf(): null {
    return null;
  }

  async launch(spec: TaskSpec): Promise<LaunchResult> {
    const { clock, database, planOf } = this.#options;
    const plan = await planOf(spec);
    if (plan === null) return { kind: 'refused', code: 'model_unavailable' };
    const startsAtMs = Math.ceil(clock.nowMs() + plan.startMs);
    const endsAtMs = Math.ceil(startsAtMs + plan.modelMs);
    const rest = [startsAtMs, endsAtMs, JSON.stringify(plan.exit), plan.ignoresStop ? 1 : 0];
    await database.write(() => database.sql(INSERT).run(spec.jobId, spec.epoch, spec.shrunk ? 1 : 0, ...rest));
    for (const atMs of [startsAtMs, endsAtMs]) this.#wakeAt(spec, atMs);
    return { kind: 'launched', ref: refOf(spec) };
  }

  async inspect(task: Omit<TaskId, 'ref'>): Promise<Observation> {
    const row = await this.#get(task);
    if (row === null) return { state: 'missing' };
    const ref = refOf(row);
    const nowMs = this.#options.clock.nowMs();
    if (row.over === 'stopped') return { state: 'stopped', ref, cause: 'stop_requested', exitCode: null };
    if (row.over === 'exited') {
      if (row.exit === 'out_of_memory') return { state: 'stopped', ref, cause: 'out_of_memory', exitCode: null };
      return { state: 'stopped', ref, cause: 'exited', exitCode: row.exit };
    }
    if (nowMs < row.startsAtMs) return { state: 'pending', ref, waitingFor: 'start' };
    if (nowMs >= row.endsAtMs) this.#stageOut(row);
    return { state: 'running', ref };
  }

  /** Ends at once what can end; what is being stored is waited for, because it cannot be called back. */
  async stop(task: Omit<TaskId, 'ref'>, mode: 'ask' | 'force'): Promise<void> {
    const row = await this.#get(task);
    if (row === null || row.over !== null || (mode === 'ask' && row.ignoresStop)) return;
    await this.#staging.get(refOf(row));
    await this.#end(row, 'stopped');
  }

  async list(): Promise<ListedTask[]> {
    const { database } = this.#options;
    const rows = await database.read(() => database.sql(LIST).all());
    return rows.map((row) => {
      const id = { jobId: jobIdSchema.parse(row['job_id']), epoch: Number(row['epoch']) };
      return { ...id, ref: refOf(id), live: row['over'] === null };
    });
  }

  async remove({ jobId, epoch }: Omit<TaskId, 'ref'>): Promise<void> {
    const { database } = this.#options;
    await database.write(() => database.sql(REMOVE).run(jobId, epoch));
  }

  events(signal: AbortSignal): AsyncIterable<TaskEvent> {
    if (signal.aborted) return (async function* () {})();
    const told = on(this.#events, 'task', { signal });
    return (async function* () {
      try {
        for await (const [event] of told) yield event as TaskEvent; // emitted below, and nothing else is
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    })();
  }

  /** What is being stored is stored to its end. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#staging.values());
  }

  #wakeAt(task: { jobId: JobId; epoch: number }, atMs: number): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#tell(task);
      },
      Math.max(0, atMs - this.#options.clock.nowMs()),
    );
    this.#timers.add(timer);
  }

  #tell({ jobId, epoch }: { jobId: JobId; epoch: number }): void {
    this.#events.emit('task', { kind: 'changed', jobId, epoch } satisfies TaskEvent);
  }

  #stageOut(row: Row): void {
    const ref = refOf(row);
    if (this.#staging.has(ref)) return;
    const staging = this.#options
      .stageOut({ ...row, ref }, row.exit)
      .then(() => this.#end(row, 'exited'))
      .catch((error: unknown) => this.#options.onError(error)) // whoever looks next tries again
      .finally(() => this.#staging.delete(ref));
    this.#staging.set(ref, staging);
  }

  async #end(row: Row, over: 'exited' | 'stopped'): Promise<void> {
    const { database } = this.#options;
    await database.write(() => database.sql(END).run(over, row.jobId, row.epoch));
    this.#tell(row);
  }

  async #get({ jobId, epoch }: Omit<TaskId, 'ref'>): Promise<Row | null> {
    const { database } = this.#options;
    const row = await database.read(() => database.sql(GET).get(jobId, epoch));
    if (row === undefined) return null;
    return {
      jobId,
      epoch,
      shrunk: row['shrunk'] === 1,
      startsAtMs: Number(row['starts_at_ms']),
      endsAtMs: Number(row['ends_at_ms']),
      exit: JSON.parse(String(row['exit'])) as ModelExit, // written by `launch` alone
      ignoresStop: row['ignores_stop'] === 1,
      over: row['over'] as Row['over'], // written by `#end` alone
    };
  }
}

export function refOf({ jobId, epoch }: { jobId: JobId; epoch: number }): TaskRef {
  return `virtual-${jobId}-${epoch}`;
}
