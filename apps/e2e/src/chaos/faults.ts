/** What goes wrong, and when: decided by a seed before anything starts, and counted when it was done. */
import { setTimeout as delay } from 'node:timers/promises';

export type Fault =
  /** SIGKILL, and started again at once. */
  | { kind: 'kill_api' }
  | { kind: 'kill_worker'; pick: number }
  /** SIGSTOP, and SIGCONT after longer than anybody waits for it. */
  | { kind: 'freeze_api' }
  | { kind: 'freeze_worker'; pick: number }
  /** SIGKILL of a model's container that runs. */
  | { kind: 'kill_container'; pick: number }
  | { kind: 'restart_engine'; how: 'SIGTERM' | 'SIGKILL' };

export type FaultKind = Fault['kind'];

/** One after the other; lanes go on beside each other, so that a long fault does not keep the others waiting. */
export type Lane = readonly Fault[];

/** Picks are from 0 to 1: whom they meet depends on who is there. */
export type FaultHands = { [K in FaultKind]: (fault: Extract<Fault, { kind: K }>) => Promise<'done' | 'nobody'> };

/** Between two faults of a lane when both are due: enough for what they broke to be begun again. */
const PAUSE_MS_MAX = 200;
/** There was nobody to do it to: a moment later there may be. */
const NOBODY_PAUSE_MS = 25;
/** No fault is due in the first and the last part of a load. */
const LOAD_SHARE = { from: 0.02, to: 0.95 } as const;

/** How many of each fault a lane of kills, lanes of freezes and so on are made of. */
export type FaultCounts = Readonly<Record<Exclude<FaultKind, 'restart_engine'>, number>> & {
  restarts: readonly ('SIGTERM' | 'SIGKILL')[];
  /** Workers that may be frozen at the same time, each by a lane of its own. */
  freezeLanes: number;
};

export type FaultPlan = { lanes: readonly Lane[]; pauses: () => number };

/** Kills of processes mixed in one lane; beside it one for each kind of fault that takes its time. */
export function planFaults(counts: FaultCounts, random: () => number): FaultPlan {
  const freezes = repeat(counts.freeze_worker, () => ({ kind: 'freeze_worker' as const, pick: random() }));
  const lanes: Lane[] = [
    [
      ...repeat(counts.kill_api, () => ({ kind: 'kill_api' as const })),
      ...repeat(counts.kill_worker, () => ({ kind: 'kill_worker' as const, pick: random() })),
    ],
    ...Array.from({ length: counts.freezeLanes }, (_, lane) =>
      freezes.filter((__, at) => at % counts.freezeLanes === lane),
    ),
    repeat(counts.freeze_api, () => ({ kind: 'freeze_api' as const })),
    repeat(counts.kill_container, () => ({ kind: 'kill_container' as const, pick: random() })),
    counts.restarts.map((how) => ({ kind: 'restart_engine' as const, how })),
  ];
  return {
    lanes: lanes.map((lane) =>
      lane
        .map((fault) => ({ fault, at: random() }))
        .sort((a, b) => a.at - b.at)
        .map(({ fault }) => fault),
    ),
    pauses: () => random() * PAUSE_MS_MAX,
  };
}

function repeat<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

/** Does the faults as the load goes on, and holds the load back while they lag behind it. */
export class FaultCourse {
  readonly #done: Record<FaultKind, number> = {
    kill_api: 0,
    kill_worker: 0,
    freeze_api: 0,
    freeze_worker: 0,
    kill_container: 0,
    restart_engine: 0,
  };
  readonly #plan: FaultPlan;
  readonly #stepsMax: number;
  readonly #laneAt: number[];
  #steps = 0;
  #changed = Promise.withResolvers<void>();

  /** @param stepsMax how many steps the whole load has: see `step`. */
  constructor(plan: FaultPlan, stepsMax: number) {
    this.#plan = plan;
    this.#stepsMax = stepsMax;
    this.#laneAt = plan.lanes.map(() => 0);
  }

  /** How often each was done so far. */
  get done(): Readonly<Record<FaultKind, number>> {
    return { ...this.#done };
  }

  /** The load got on. */
  step(): void {
    this.#steps += 1;
    this.#notify();
  }

  /** Resolves once the faults have come as far as this share of the load. */
  async caughtUp(share: number): Promise<void> {
    const lags = () => this.#plan.lanes.some((lane, at) => (this.#laneAt[at] ?? 0) < Math.floor(lane.length * share));
    while (lags()) await this.#changed.promise; // a lane that fails ends the whole run
  }

  /** Resolves when every fault was done; rejects when one could not be. */
  async run(hands: FaultHands, signal: AbortSignal): Promise<void> {
    const over = aborted(signal);
    await Promise.all(this.#plan.lanes.map((lane, at) => this.#runLane(lane, at, hands, { signal, over })));
  }

  async #runLane(
    lane: Lane,
    laneNumber: number,
    hands: FaultHands,
    { signal, over }: { signal: AbortSignal; over: Promise<void> },
  ): Promise<void> {
    for (const [at, fault] of lane.entries()) {
      const share = LOAD_SHARE.from + (LOAD_SHARE.to - LOAD_SHARE.from) * (at / lane.length);
      while (this.#steps < share * this.#stepsMax && !signal.aborted) {
        await Promise.race([this.#changed.promise, over]);
      }
      await delay(this.#plan.pauses());
      while (!signal.aborted && (await doFault(hands, fault)) === 'nobody') await delay(NOBODY_PAUSE_MS);
      if (signal.aborted) return;
      this.#done[fault.kind] += 1;
      this.#laneAt[laneNumber] = at + 1;
      this.#notify();
    }
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

function doFault(hands: FaultHands, fault: Fault): Promise<'done' | 'nobody'> {
  const hand = hands[fault.kind] as (fault: Fault) => Promise<'done' | 'nobody'>; // each takes its own kind
  return hand(fault);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
