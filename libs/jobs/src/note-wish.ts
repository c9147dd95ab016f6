import type { JobId, JobRecord } from '@bpi/job-contract';
import type { JobEvent } from './job-event.ts';
import type { JobQueue } from './ports/job-queue.ts';
import type { JobStore } from './ports/job-store.ts';
import { transition } from './transition.ts';

export type Ask = { jobId: JobId; clientId: string; nowMs: number };

/** More rounds than writers that could be ahead of us; each lost round means that somebody else got on. */
const ROUNDS_MAX = 20;

/**
 * Notes what a client wants of its own job and wakes the worker. `answerOf` looks at the job as it is: an answer, if there
 * is nothing (more) to note.
 * @throws after ROUNDS_MAX lost races; the wish was not noted, ask again.
 */
export async function noteWish<Answer>(
  ports: { store: JobStore; queue: JobQueue },
  ask: Ask,
  wish: { event: JobEvent; answerOf: (job: JobRecord) => Answer | null },
): Promise<Answer | { kind: 'requested'; job: JobRecord } | { kind: 'not_found' }> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const stored = await ports.store.get(ask.jobId);
    if (stored === null || stored.job.clientId !== ask.clientId) return { kind: 'not_found' };
    const { job } = stored;
    const answer = wish.answerOf(job);
    if (answer !== null) return answer;
    const change = transition(job, wish.event);
    if ((await ports.store.save(change)) === 'saved') {
      await ports.queue.send(job, 0);
      return { kind: 'requested', job: change.after };
    }
  }
  throw new Error('the wish lost every race with the job’s own progress: ask again');
}
