/**
 * The life of a job, as data.
 *
 * A job has a precise `phase`; clients see the coarser `status` derived from it. The driver is
 * `advance` in libs/jobs; `transition` there is the only function that changes a phase, and it
 * reads this table. The diagram in the README is checked against it by a test.
 */
export const PHASES = ['queued', 'launching', 'running', 'completed', 'failed'] as const;
export type Phase = (typeof PHASES)[number];

export const STATUSES = ['pending', 'running', 'completed', 'failed'] as const;
export type Status = (typeof STATUSES)[number];

/** What a legal change of phase does to the pool's slot: an attempt holds one from its claim until it left. */
export type SlotChange = 'take' | 'free' | 'keep';

export const TRANSITIONS = [
  { from: 'queued', to: 'launching', by: 'claim', slot: 'take' },
  { from: 'queued', to: 'failed', by: 'fail', slot: 'keep' },
  { from: 'launching', to: 'running', by: 'start', slot: 'keep' },
  { from: 'launching', to: 'completed', by: 'publish', slot: 'free' },
  { from: 'launching', to: 'queued', by: 'retry', slot: 'free' },
  { from: 'launching', to: 'failed', by: 'fail', slot: 'free' },
  { from: 'running', to: 'completed', by: 'publish', slot: 'free' },
  { from: 'running', to: 'queued', by: 'retry', slot: 'free' },
  { from: 'running', to: 'failed', by: 'fail', slot: 'free' },
] as const satisfies readonly { from: Phase; to: Phase; by: string; slot: SlotChange }[];

export function isTerminal(phase: Phase): phase is 'completed' | 'failed' {
  return phase === 'completed' || phase === 'failed';
}

/** True while an attempt may have a live task and holds a slot of its pool. */
export function holdsSlot(phase: Phase): phase is 'launching' | 'running' {
  return phase === 'launching' || phase === 'running';
}

/** The public word. It never goes back: a job whose retry waits stays `running`. */
export function statusOf(job: { phase: Phase; firstRunningAtMs: number | null }): Status {
  if (isTerminal(job.phase)) return job.phase;
  return job.firstRunningAtMs === null ? 'pending' : 'running';
}
