/** Rates are probabilities, 0 to 1; what is left out never happens. */
export type FaultRates = {
  seed: number;
  /** An event is sent twice. */
  eventDuplicatedRate?: number;
  /** An event is sent up to `eventDelayMsMax` later. */
  eventDelayedRate?: number;
  eventDelayMsMax?: number;
  eventLostRate?: number;
  /** An event is sent after the next one. */
  eventReorderedRate?: number;
  /** A call is answered with ThrottlingException and nothing happens. */
  throttledRate?: number;
  /** A call is answered with ServerException and nothing happens. */
  serverErrorRate?: number;
  /** The operation happens, then the connection is cut. */
  answerLostRate?: number;
  /** Only calls of these operations are disturbed; default: all. */
  operations?: readonly string[];
  /** A task whose end is reported while its containers run on. */
  zombieRate?: number;
  /** A task that stays RUNNING after StopTask. */
  ignoresStopRate?: number;
};

export type EventFate = { kind: 'sent' | 'duplicated' | 'lost' | 'reordered' } | { kind: 'delayed'; delayMs: number };
export type CallFate = 'served' | 'throttled' | 'server_error' | 'answer_lost';
export type TaskFate = 'obeys' | 'zombie' | 'ignores_stop';

/** Draws what goes wrong. Events, calls and tasks have a generator each, so that one kind does not shift another. */
export type FaultPlan = {
  readonly seed: number;
  forEvent(): EventFate;
  forCall(operation: string): CallFate;
  forTask(): TaskFate;
};

const EVENT_DELAY_MS_MAX = 100;

/** The same seed and the same order of questions give the same faults. */
export function createFaultPlan(rates: FaultRates): FaultPlan {
  const events = randomOf(rates.seed);
  const calls = randomOf(rates.seed + 1);
  const tasks = randomOf(rates.seed + 2);
  return {
    seed: rates.seed,
    forEvent: () => {
      const kind = drawn<Exclude<EventFate['kind'], 'sent'>>(events(), [
        ['lost', rates.eventLostRate],
        ['duplicated', rates.eventDuplicatedRate],
        ['reordered', rates.eventReorderedRate],
        ['delayed', rates.eventDelayedRate],
      ]);
      if (kind === 'delayed') return { kind, delayMs: events() * (rates.eventDelayMsMax ?? EVENT_DELAY_MS_MAX) };
      return { kind: kind ?? 'sent' };
    },
    forCall: (operation) => {
      if (rates.operations !== undefined && !rates.operations.includes(operation)) return 'served';
      const kind = drawn<Exclude<CallFate, 'served'>>(calls(), [
        ['throttled', rates.throttledRate],
        ['server_error', rates.serverErrorRate],
        ['answer_lost', rates.answerLostRate],
      ]);
      return kind ?? 'served';
    },
    forTask: () => {
      const kind = drawn<Exclude<TaskFate, 'obeys'>>(tasks(), [
        ['zombie', rates.zombieRate],
        ['ignores_stop', rates.ignoresStopRate],
      ]);
      return kind ?? 'obeys';
    },
  };
}

/** One of the kinds by its rate, or null for the rest. */
function drawn<Kind>(at: number, rates: readonly (readonly [Kind, number | undefined])[]): Kind | null {
  let end = 0;
  for (const [kind, rate] of rates) {
    end += rate ?? 0;
    if (at < end) return kind;
  }
  return null;
}

/** Mulberry32: small, fast and good enough to choose faults. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
