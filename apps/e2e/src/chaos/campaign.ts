/** One run from the first order to the last look, whatever its tasks are made of. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ArtifactName } from '@bpi/job-contract';
import type { TaskRunner } from '@bpi/jobs';
import { until } from '../harness.ts';
import { ClientLoad } from './client-load.ts';
import { FaultCourse, type FaultHands, type FaultKind, type FaultPlan } from './faults.ts';
import { History, resultIn, type Order } from './history.ts';
import { grew, type Remains } from './invariants.ts';
import { API, type PlatformUnderFire } from './platform-under-fire.ts';
import * as remains from './remains.ts';

/** What only tasks of one kind can suffer. */
export type TaskHands = Pick<FaultHands, 'kill_container' | 'restart_engine'>;

export type CampaignOptions = {
  platform: PlatformUnderFire;
  canary: string;
  /** What clients download of a result. */
  artifacts: readonly ArtifactName[];
  /** Jobs under way at once; fewer than there are slots while nothing is wrong, so that no message has to rest. */
  openJobs: Readonly<Record<'underFire' | 'calm', number>>;
  pollMs: number;
  frozenMs: number;
  taskHands: TaskHands;
};

/** How far submissions may be ahead of the faults, as a share of all. */
const AHEAD = 0.1;
/** Longer than the pause between two sweeps, and than a collection of garbage stays away. */
const SETTLED_WITHIN_MS = 30_000;
/** Of all jobs, sent again in the end: one of so many. */
const SENT_AGAIN = 10;

/** Found by the caller, who knows what its tasks are made of. */
export type TaskRemains = Pick<Remains, 'runningContainers' | 'strayTasks'>;

export class Campaign {
  readonly history = new History();
  readonly #options: CampaignOptions;
  readonly #over = new AbortController();

  constructor(options: CampaignOptions) {
    this.#options = options;
  }

  /** Serves the orders while the faults are done; answers how many of each were. */
  async fire(orders: readonly Order[], plan: FaultPlan): Promise<Readonly<Record<FaultKind, number>>> {
    const course = new FaultCourse(plan, 2 * orders.length);
    const failed = Promise.withResolvers<never>();
    const faults = course.run(this.#hands(), this.#over.signal);
    faults.catch(failed.reject);
    const mayStart = (at: number) => course.caughtUp(at / orders.length - AHEAD);
    await Promise.race([this.#load('underFire', () => course.step()).run(orders, mayStart), failed.promise]);
    await faults;
    await this.#options.platform.ready();
    return course.done;
  }

  /**
   * Measures what a load leaves in processes that live through all of it: some orders are served and half of the jobs so
   * far are looked at again to warm up, the other half between the two measurements.
   */
  async measure(soFar: readonly Order[], calm: readonly [Order[], Order[]]): Promise<Remains['usage']> {
    const { platform } = this.#options;
    const [warmUp, measured] = calm;
    const half = Math.ceil(soFar.length / 2);
    await this.#serveAndLookAgain(warmUp, soFar.slice(0, half));
    const before = await platform.usages();
    await this.#serveAndLookAgain(measured, soFar.slice(half));
    // A loop of a worker may be at work at the moment of the look: what comes back, comes back within its pause.
    let usage: Remains['usage'] = [];
    const look = async () => (usage = remains.usageBetween(before, await platform.usages()));
    await until(look, (seen) => !seen.some(grew), SETTLED_WITHIN_MS).catch(() => undefined);
    return usage;
  }

  /**
   * Ends the platform and says what is left of it: at once what may not be there at any time, and hours later, by the
   * platform's own cleaning, the rest.
   * @param tasks asked before and after the hours.
   */
  async end(runner: () => TaskRunner, tasks: () => Promise<TaskRemains>): Promise<Omit<Remains, 'usage'>> {
    const { platform, canary } = this.#options;
    await remains.ageScratch(platform);
    // What two workers remove at the same time is gone a moment after the record says so.
    const settled = until(tasks, ({ strayTasks }) => strayTasks.length === 0, SETTLED_WITHIN_MS).catch(tasks);
    const [before, slotHolders, queueMessages] = await Promise.all([
      settled,
      platform.slotHolders(),
      platform.queueMessages(),
    ]);
    await platform.stop();
    await remains.cleanLater(platform, runner());
    const after = await tasks();
    const logs = await platform.logs();
    return {
      slotHolders,
      queueMessages,
      runningContainers: [...before.runningContainers, ...after.runningContainers],
      strayTasks: [...before.strayTasks, ...after.strayTasks],
      scratchFiles: await remains.scratchFiles(platform),
      deletedFiles: await remains.deletedFiles(platform, await platform.records()),
      complaints: [
        ...platform.fleet.ownExits.map(({ name, code, signal }) => `${name} ended by itself: ${code ?? signal}`),
        ...logs.flatMap(({ name, text }) => remains.complaintsIn(name, text)),
      ],
      leaks: logs.flatMap(({ name, text }) => remains.leaksIn(name, text, canary)),
      loggedEnds: logs.flatMap(({ text }) => remains.loggedEndsIn(text)),
    };
  }

  /** Ends whatever still waits, so that a run that failed leaves nobody behind. Safe to repeat. */
  close(): void {
    this.#over.abort();
  }

  figures(): Record<string, number> {
    const { answers } = this.history;
    return {
      answers: answers.length,
      unanswered: answers.filter(({ http }) => http === null).length,
      busy: answers.filter(({ http }) => http === 503 || http === 429).length,
      results: answers.filter((answer) => resultIn(answer) !== null).length,
    };
  }

  /** These and those are looked at once more when they have ended, and some are sent again. */
  async #serveAndLookAgain(orders: readonly Order[], earlier: readonly Order[]): Promise<void> {
    await this.#load('calm').run(orders);
    await this.#load('underFire').lookAgain([...earlier, ...orders], (at) => at % SENT_AGAIN === 0);
    await this.#options.platform.untilQuiet();
  }

  #load(pace: 'underFire' | 'calm', onStep = () => {}): ClientLoad {
    const { platform, canary, artifacts, pollMs } = this.#options;
    const openJobs = this.#options.openJobs[pace];
    const { url } = platform;
    const inputPath = (name: string) => platform.inputPath(name);
    const { signal } = this.#over;
    return new ClientLoad({
      url,
      history: this.history,
      inputPath,
      canary,
      artifacts,
      openJobs,
      pollMs,
      onStep,
      signal,
    });
  }

  #hands(): FaultHands {
    const { platform, taskHands } = this.#options;
    const { fleet } = platform;
    return {
      ...taskHands,
      kill_api: async () => {
        if (fleet.isFrozen(API)) return 'nobody';
        await fleet.kill(API);
        return 'done';
      },
      kill_worker: async ({ pick }) => {
        const name = pickOf(platform.awake(), pick);
        if (name === undefined) return 'nobody';
        await fleet.kill(name);
        return 'done';
      },
      freeze_api: () => this.#freeze(API),
      freeze_worker: async ({ pick }) => {
        const awake = platform.awake();
        const name = pickOf(awake, pick);
        return name === undefined || awake.length === 1 ? 'nobody' : this.#freeze(name);
      },
    };
  }

  async #freeze(name: string): Promise<'done'> {
    const { fleet } = this.#options.platform;
    fleet.freeze(name);
    await delay(this.#options.frozenMs, undefined, { signal: this.#over.signal }).catch(() => undefined);
    fleet.thaw(name);
    return 'done';
  }
}

export function pickOf<T>(values: readonly T[], pick: number): T | undefined {
  return values[Math.floor(pick * values.length)];
}
