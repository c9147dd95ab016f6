import { errorFields, isJobId, jobIdOfKey, JOBS_PREFIX, jobPrefix } from '@bpi/job-contract';
import type { AdvanceContext } from './advance.ts';
import type { StoredJob } from './ports/job-store.ts';

export const CLEAN_LIMITS = {
  /** An input without a record, or what a deleted job has, is removed after this. */
  inputAgeMs: 60 * 60 * 1_000,
  /** Jobs looked up before the caller has its say: some seconds' work. */
  jobsPerRound: 100,
  /** More failures in one round end the pass: then it is not this or that job. */
  failuresPerRoundMax: 10,
} as const;

/** Of one round. */
export type Cleaned = { jobs: number; removed: number };

/**
 * Removes inputs that no record names, an hour after they were written: what a crash during submit leaves. So it does with
 * whatever appeared of a job after its deletion was done, which only a task that outlived all waiting writes. One pass
 * over all jobs, in rounds: it stands still after each until it is asked for the next, and goes on where it was.
 * Throws when the listing does, or after more than `failuresPerRoundMax` failures.
 */
export async function* removeForgottenInputs(
  context: Pick<AdvanceContext, 'objects' | 'store' | 'clock' | 'log'>,
  onJob: () => void = () => {},
): AsyncGenerator<Cleaned, void> {
  let round: Cleaned = { jobs: 0, removed: 0 };
  let failures = 0;
  let seen = '';
  for await (const { key, modifiedAtMs } of context.objects.list(JOBS_PREFIX)) {
    const jobId = jobIdOfKey(key);
    if (jobId === null || !isJobId(jobId) || jobId === seen) continue;
    seen = jobId;
    round.jobs += 1;
    onJob();
    try {
      const isOld = context.clock.nowMs() - modifiedAtMs >= CLEAN_LIMITS.inputAgeMs;
      if (isOld && isForgotten(await context.store.get(jobId))) {
        await context.objects.deletePrefix(jobPrefix(jobId));
        round.removed += 1;
      }
    } catch (error) {
      failures += 1;
      if (failures > CLEAN_LIMITS.failuresPerRoundMax) throw error;
      context.log('cleanup.failed', { jobId, ...errorFields(error) });
    }
    if (round.jobs < CLEAN_LIMITS.jobsPerRound) continue;
    yield told(context, round);
    round = { jobs: 0, removed: 0 };
    failures = 0;
  }
  yield told(context, round);
}

function isForgotten(stored: StoredJob | null): boolean {
  return stored === null || (stored.job.deletion !== null && stored.job.deletion.doneAtMs !== null);
}

function told({ log }: Pick<AdvanceContext, 'log'>, round: Cleaned): Cleaned {
  if (round.removed > 0) log('cleanup.removed', { kind: 'input', count: round.removed });
  return round;
}
