import { errorFields } from '@bpi/job-contract';
import type { AdvanceContext, TaskEvent } from '@bpi/jobs';
import type { JobWatch } from './job-watch.ts';
import type { Notifier } from './notifier.ts';

/** After the runner's stream of events broke. */
const RESUME_AFTER_MS = 1_000;

/** Turns what the runner tells into looks and progress. Lost events are only late: watch and sweep look anyway. */
export async function eventLoop(
  context: AdvanceContext,
  watch: JobWatch,
  pause: Notifier,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of context.runner.events(signal)) {
        if (event.kind === 'changed') watch.lookLater(event.jobId, 0);
        else await noteProgress(context, event);
      }
    } catch (error) {
      context.log('loop.failed', { loop: 'events', ...errorFields(error) });
    }
    await pause.wait(RESUME_AFTER_MS, signal);
  }
}

async function noteProgress(context: AdvanceContext, event: Extract<TaskEvent, { kind: 'progress' }>): Promise<void> {
  const { jobId, epoch, fraction, step } = event;
  try {
    const noted = await context.store.recordProgress(jobId, epoch, { fraction, step, atMs: context.clock.nowMs() });
    if (!noted) context.log('task.event.dropped', { reason: 'not_current' });
  } catch (error) {
    context.log('loop.failed', { loop: 'events', ...errorFields(error) });
  }
}
