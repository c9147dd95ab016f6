/** What must hold in every run, whatever goes wrong. The names are what variants are expected to break. */
export const INVARIANTS = {
  settles: 'every accepted job ends within a bound after the troubles stopped',
  oneEnd: 'an ended job never changes its end',
  sameResult: 'the first result, every later one and what the input calls for are the same bytes',
  rightBlame: 'a job ends for a reason that it, its client or the troubles of this run gave',
  oneJobPerKey: 'an Idempotency-Key stands for one job',
  monotone: 'what one client is told of its job never goes back',
  onePublication: 'one attempt is published, the one claimed last, from its own report',
  clean: 'at last no task lives, no slot is held, nothing is left over',
  budget: 'a job has no more attempts than its budgets allow, and one task per attempt',
  gone: 'a cancelled job shows no result, a deleted one nothing, and its files are gone',
  ownOnly: 'a job is shown to its own client only',
  slots: 'a pool is never held by more jobs than it has slots',
  oneTask: 'an attempt is left only when its task is gone, and no task is made for an attempt that was left',
  wrongStop: 'a live task of the current attempt is stopped only after an intent was saved',
  erasedWhenOver: 'the files of a job are removed only once it is over and its deletion was asked',
  keptAsPromised:
    'files are removed class by class only once their time is over and nothing is to be done about their job',
  inputKept: 'a job that is accepted has its input',
  versioned: 'every saved change was made from the stored version',
  noBug: 'programs meet only the errors that they were given',
} as const;

export type Invariant = keyof typeof INVARIANTS;

export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: Invariant;
  constructor(invariant: Invariant, what: string) {
    super(`${invariant} (${INVARIANTS[invariant]}): ${what}`);
    this.invariant = invariant;
  }
}

/** Keeps the first violation of a run: the later ones mostly follow from it. */
export class Verdict {
  #violation: Violation | null = null;

  get violation(): Violation | null {
    return this.#violation;
  }

  accuse(invariant: Invariant, what: string): void {
    this.#violation ??= new Violation(invariant, what);
  }

  /** Accuses unless the condition holds. */
  expect(condition: boolean, invariant: Invariant, what: () => string): void {
    if (!condition) this.accuse(invariant, what());
  }
}
