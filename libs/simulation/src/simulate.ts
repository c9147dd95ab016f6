import {
  CLASS_OF_KIND,
  isTerminal,
  JOBS_PREFIX,
  jobIdOfKey,
  jobPrefix,
  objectKind,
  publishedKey,
  type FileClass,
  type JobId,
} from '@bpi/job-contract';
import { isActive } from '@bpi/jobs';
import { checkHistory } from './check-history.ts';
import { ClientProgram } from './client-program.ts';
import type { Story } from './history.ts';
import { Verdict, type Violation } from './invariants.ts';
import { Machine } from './machine.ts';
import { nameOf, taskNameOf } from './naming.ts';
import { API_PROGRAM, Network } from './network.ts';
import { inputTextOf, type Kind } from './oracle.ts';
import { Random } from './random.ts';
import { POOLS, SIZES, type Pool } from './settings.ts';
import { QueueServer } from './simulated-queue.ts';
import { TaskWorld } from './task-world.ts';
import { Trace } from './trace.ts';
import { Truth } from './truth.ts';
import { VirtualTime } from './virtual-time.ts';
import { weatherOf, type Weather } from './weather.ts';
import { Wire } from './wire.ts';
import { WorkerProgram, type Sabotage, type Surroundings } from './worker-program.ts';

export type Plan = {
  seed: number;
  jobs?: number;
  sabotage?: Sabotage;
  /** Instead of what the seed says. */
  weather?: Partial<Weather>;
  /** Keep every line of the trace. */
  keepTrace?: boolean;
};

export type Outcome = {
  violation: Violation | null;
  /** The same for every run of this seed. */
  hash: string;
  lines: readonly string[];
  events: number;
  virtualMs: number;
  ends: Readonly<Record<string, number>>;
};

/** How often the run looks whether it has come to its next part. */
const LOOK_EVERY_MS = 4 * 60_000;

/** Due before a run ends, see RETENTION. */
const EXPIRED_AT_LAST: readonly FileClass[] = ['input', 'logs'];

/** One run: orders arrive, things go wrong for a while, then nothing more does, and all has to come to its end. */
export async function simulate(plan: Plan): Promise<Outcome> {
  const run = new Run(plan);
  await run.play();
  return run.outcome;
}

type Worker = { machine: Machine; program: WorkerProgram };

class Run {
  readonly #with: Surroundings;
  readonly #stories: Story[];
  readonly #workers: Worker[];
  readonly #isCalm: boolean;

  constructor({ seed, jobs = SIZES.jobs, sabotage = {}, weather: given, keepTrace = false }: Plan) {
    const random = new Random(seed);
    const time = new VirtualTime();
    const trace = new Trace(() => time.nowMs, keepTrace);
    const verdict = new Verdict();
    const drawn = weatherOf(random);
    const weather = given === undefined ? drawn : { ...drawn, ...given };
    this.#isCalm = Object.values(weather).every((amount) => amount === 0);
    const wire = new Wire({ time, random, trace, weather });
    const truth = new Truth(time, verdict);
    const tasks = new TaskWorld({ time, random, wire, truth, verdict, trace });
    truth.judgeTasksBy((jobId, epoch) => tasks.isGone(jobId, epoch));
    this.#with = { time, random, wire, trace, verdict, truth, tasks, queue: new QueueServer(time) };
    trace.note('weather', JSON.stringify(weather));
    const api = new Machine('api', API_PROGRAM, this.#with);
    const network = new Network(this.#with, api);
    this.#workers = Array.from({ length: SIZES.workers }, (_, n) => {
      const program = new WorkerProgram(this.#with, sabotage);
      return { program, machine: new Machine(`worker-${n + 1}`, program, this.#with) };
    });
    this.#stories = Array.from({ length: jobs }, (_, n) => storyOf(n, random));
    for (const story of this.#stories) {
      new ClientProgram({ ...this.#with, network }, story).run().catch((error: unknown) => {
        verdict.accuse('noBug', `a client failed: ${String(error)}`);
      });
    }
  }

  async play(): Promise<void> {
    const { wire, tasks, verdict } = this.#with;
    await this.#passUntil(SIZES.calmAtMs, () => false);
    wire.calm();
    tasks.calm();
    await this.#passUntil(SIZES.settledWithinMs, () => this.#stories.every(({ isOver }) => isOver));
    this.#checkSettled();
    const [last, ...others] = this.#workers;
    await this.#stop(others);
    await this.#passUntil(SIZES.quietWithinMs, () => this.#isQuiet());
    await this.#checkClean();
    if (last !== undefined) await this.#stop([last]);
    if (verdict.violation === null) {
      checkHistory(this.#stories, this.#with.truth.records, verdict, this.#isCalm);
    }
  }

  get outcome(): Outcome {
    const { time, trace, verdict, truth } = this.#with;
    const ends: Record<string, number> = {};
    for (const { phase, error } of truth.records.values()) {
      const end = error?.code ?? phase;
      ends[end] = (ends[end] ?? 0) + 1;
    }
    const { violation } = verdict;
    return { violation, hash: trace.hash, lines: trace.lines, events: time.happened, virtualMs: time.nowMs, ends };
  }

  async #passUntil(limitMs: number, isReached: () => boolean | Promise<boolean>): Promise<void> {
    const { time, verdict } = this.#with;
    const untilMs = time.nowMs + limitMs;
    while (time.nowMs < untilMs && verdict.violation === null && !(await isReached())) {
      await time.run(time.nowMs + LOOK_EVERY_MS, () => verdict.violation !== null);
    }
  }

  #checkSettled(): void {
    const { truth, verdict } = this.#with;
    for (const { order, jobId, isOver } of this.#stories) {
      const phase = jobId === null ? 'not accepted' : truth.records.get(jobId)?.phase;
      verdict.expect(
        isOver,
        'settles',
        () => `${order.idempotencyKey} ${jobId === null ? '' : nameOf(jobId)}: ${phase}`,
      );
    }
    for (const job of truth.records.values()) {
      verdict.expect(isTerminal(job.phase), 'settles', () => `${nameOf(job.jobId)} is ${job.phase}`);
    }
  }

  async #isQuiet(): Promise<boolean> {
    return (await this.#leftOver()).length === 0;
  }

  /** What is not as it has to be when all is over. */
  async #leftOver(): Promise<string[]> {
    const { truth, tasks, queue } = this.#with;
    const left: string[] = [];
    for (const job of truth.records.values()) if (isActive(job)) left.push(`${nameOf(job.jobId)} is active`);
    for (const { spec } of tasks.live) left.push(`task ${taskNameOf(spec)} lives`);
    for (const { spec } of tasks.remains) left.push(`stopped task ${taskNameOf(spec)} remains`);
    if (left.length > 0) return left;
    const messages = await queue.messages.depth();
    if (messages > 0) left.push(`${messages} messages`);
    for (const [pool, slots] of Object.entries(POOLS)) {
      const { free } = await truth.store.room(pool);
      if (free !== slots) left.push(`${slots - free} slots of ${pool} are held`);
    }
    return [...left, ...(await this.#filesLeft())];
  }

  /** Files of a job that is gone, or that never was; those past their time; and results that are not shown. */
  async #filesLeft(): Promise<string[]> {
    const { objects, records } = this.#with.truth;
    const left: string[] = [];
    for await (const { key } of objects.list(JOBS_PREFIX)) {
      const jobId = jobIdOfKey(key) as JobId; // every key here was made for a job
      const job = records.get(jobId);
      if (job === undefined || job.deletion !== null) return [`${nameOf(jobId)} is gone, ${key} is there`];
      const kind = objectKind(key);
      if (kind !== null && EXPIRED_AT_LAST.includes(CLASS_OF_KIND[kind])) return [`${key} is past its time`];
    }
    for (const job of records.values()) {
      if (job.deletion !== null) continue;
      if (job.expired.length < EXPIRED_AT_LAST.length) left.push(`${nameOf(job.jobId)} has something due`);
      for (const { name, sha256 } of job.result?.manifest ?? []) {
        const shown = await objects.head(publishedKey(job.jobId, name));
        if (shown?.sha256 !== sha256) left.push(`${name} of ${jobPrefix(job.jobId)} is not shown`);
      }
    }
    return left;
  }

  async #checkClean(): Promise<void> {
    const left = await this.#leftOver();
    this.#with.verdict.expect(left.length === 0, 'clean', () => left.slice(0, 5).join('; '));
  }

  /** As a SIGTERM does: what is under way is finished. */
  async #stop(workers: readonly Worker[]): Promise<void> {
    for (const { machine, program } of workers) {
      machine.retire();
      program.end();
    }
    const haveEnded = () => workers.every(({ machine, program }) => machine.process === null || program.hasEnded);
    await this.#passUntil(SIZES.stoppedWithinMs, haveEnded);
    const isEnded = haveEnded();
    this.#with.verdict.expect(isEnded, 'clean', () => 'a worker that was asked to end goes on');
  }
}

function storyOf(n: number, random: Random): Story {
  const kind: Kind = random.pick([
    ...(['good', 'good', 'good', 'good', 'good', 'good', 'good'] as const),
    ...(['refused', 'broken', 'hungry', 'endless', 'wrong_mask'] as const),
  ]);
  const pool: Pool = random.pick(['spot', 'spot', 'steady']);
  const order = {
    clientId: `clinic-${n % 3}`,
    idempotencyKey: `order-${n}`,
    inputText: inputTextOf({ n, kind }),
    pool,
    canShrink: random.chance(0.5),
    startDeadlineMs: random.pick(SIZES.startDeadlinesMs),
  };
  return { order, kind, jobId: null, entries: [], isOver: false };
}
