import type { Random } from './random.ts';

/** The most that a run may have of each trouble: probabilities, unless the name says otherwise. */
const WORST = {
  /** Of every call of a port: without effect, and an error is the answer. */
  callLost: 0.05,
  /** The effect happened, and an error is the answer. */
  answerLost: 0.05,
  /** An error is the answer, and the effect happens after it. */
  effectLate: 0.02,
  /** Seconds instead of milliseconds. */
  callSlow: 0.05,
  /** The change was saved, and `stale` is the answer: a repetition inside an adapter meets its own first try. */
  savedAsStale: 0.03,
  /** The caller is killed just before or just after the effect. */
  killedAtCall: 0.001,
  stalledAtCall: 0.005,
  /** Just after a save that takes or frees a slot: what comes next depends on what is known now. */
  killedAtMove: 0.02,
  stalledAtMove: 0.1,

  messageLost: 0.3,
  messageTwice: 0.3,
  messageLate: 0.3,
  eventLost: 0.5,
  eventTwice: 0.2,
  streamBroken: 0.05,

  /** Of every task. */
  launchRefused: 0.3,
  waitsForMachine: 0.2,
  seenLate: 0.3,
  killed: 0.15,
  stalled: 0.1,
  /** The runner loses sight of it, and it goes on. */
  partitioned: 0.1,
  /** Does not stop when it is asked. */
  stubborn: 0.2,
  exitForgotten: 0.2,
  forgottenStopped: 0.1,
  /** An old list is the answer. */
  listStale: 0.3,

  /** Of every exchange between client and API. */
  networkLost: 0.1,
  networkLate: 0.1,

  /** Per process and hour. */
  killsPerHour: 20,
  stallsPerHour: 20,
} as const;

export type Trouble = keyof typeof WORST;

/** How much of each trouble there is. */
export type Weather = Readonly<Record<Trouble, number>>;

const TROUBLES = Object.keys(WORST) as Trouble[]; // keys of a literal

export const CALM = weatherBy(() => 0);

/** Each run has some troubles and not the others: some bugs need one trouble without another. One run in ten has none. */
export function weatherOf(random: Random): Weather {
  if (random.chance(0.1)) return CALM;
  return weatherBy((worst) => (random.chance(0.5) ? worst * random.next() : 0));
}

function weatherBy(amount: (worst: number) => number): Weather {
  // The names come from WORST itself.
  return Object.fromEntries(TROUBLES.map((trouble) => [trouble, amount(WORST[trouble])])) as Weather;
}
