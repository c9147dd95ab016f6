/** What jobs of a long test ask for, what their scripted tasks then do, and what has to come of it. */
import type { FailureCode } from '@bpi/job-contract';
import type { Asked, TaskScript } from './scripted-task.ts';

type Kind = {
  /** Of `apps/e2e/models/echo`: they tell the script what to do, as they tell the real model. */
  params: Record<string, unknown>;
  script: (asked: Asked, random: () => number) => TaskScript;
  outcome: 'completed' | FailureCode;
};

const QUICK_MS_MAX = 200;
const KILLED_EXIT = 137;

export const KINDS = {
  quick: {
    params: { behaviour: 'mask' },
    script: (_, random) => ({ model: random() * QUICK_MS_MAX }),
    outcome: 'completed',
  },
  slow: { params: { behaviour: 'slow' }, script: () => ({ model: 2_000, stageOut: 200 }), outcome: 'completed' },
  /** Killed by nobody knows whom, once. */
  unlucky: {
    params: { behaviour: 'noop' },
    script: ({ epoch }) => (epoch === 1 ? { exit: KILLED_EXIT } : {}),
    outcome: 'completed',
  },
  large: {
    params: { behaviour: 'oom_unless_small' },
    script: ({ shrunk }) => (shrunk ? {} : { exit: 'out_of_memory' }),
    outcome: 'completed',
  },
  always_killed: {
    params: { behaviour: 'fork_bomb' },
    script: () => ({ exit: KILLED_EXIT }),
    outcome: 'platform_error',
  },
  broken: { params: { behaviour: 'exit', exit_code: 1 }, script: () => ({ exit: 1 }), outcome: 'model_error' },
  refused: { params: { behaviour: 'exit', exit_code: 10 }, script: () => ({ exit: 10 }), outcome: 'invalid_input' },
  /** Longer than the model's time limit. */
  hanging: { params: { behaviour: 'hang' }, script: () => ({ model: 60_000 }), outcome: 'attempt_timeout' },
} as const satisfies Record<string, Kind>;
export type KindName = keyof typeof KINDS;

/** Of every hundred jobs; the rest is quick. */
const SHARES: Partial<Record<KindName, number>> = {
  slow: 8,
  unlucky: 6,
  large: 5,
  broken: 5,
  refused: 4,
  always_killed: 2,
  hanging: 1,
};

/** The same for every seed, so that no kind is ever missing. */
export function kindOfJob(number: number): KindName {
  let at = number % 100;
  for (const [kind, share] of Object.entries(SHARES) as [KindName, number][]) {
    if (at < share) return kind;
    at -= share;
  }
  return 'quick';
}

export function scriptOf(asked: Asked, random: () => number): TaskScript {
  const { behaviour, exit_code: exitCode } = asked.params;
  const found = Object.values(KINDS).find(
    ({ params }: Kind) =>
      params['behaviour'] === behaviour && (params['exit_code'] === undefined || params['exit_code'] === exitCode),
  );
  if (found === undefined) throw new Error('no kind of job asks for this');
  return found.script(asked, random);
}
