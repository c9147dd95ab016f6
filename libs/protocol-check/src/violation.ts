/** What must hold in every state; the names are what variants are expected to break. */
export const INVARIANTS = {
  oneEnd: 'a terminal job never changes its phase',
  onePublication: 'a result is published once, by the last claimed attempt, from its own report, and shown as such',
  pool: 'the pool is never overfull and held by exactly the jobs in flight',
  oneTask: 'an attempt is left only when its task is gone, and no task is made for an attempt that was left',
  settles: 'from every state the job ends and leaves no task, slot, leftover or stale projection',
  cancelHolds: 'a job whose cancellation was saved does not complete',
  launchDiscipline: 'a launch is called within lease and window and without a known intent or cancellation',
  noWrongStop: 'a live task of the current attempt is stopped only after an intent was saved',
  erasedWhenOver: 'the files of a job are erased only once it is over and its deletion was asked',
  erasedWhole: 'when a deletion is done nothing lies there but what appeared after the last task was removed',
  tombstone: 'a deletion that was asked is never taken back, done only once, and its job is never shown again',
  workKept: 'a stored result is not thrown away without an intent',
} as const;
export type Invariant = keyof typeof INVARIANTS;

export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: Invariant;
  constructor(invariant: Invariant, what: string) {
    super(`${INVARIANTS[invariant]}: ${what}`);
    this.invariant = invariant;
  }
}
