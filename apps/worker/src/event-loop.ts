import { errorFields } from '@bpi/job-contract';
import type { AdvanceContext, TaskEvent } from '@bpi/jobs';
import type { JobWatch } from './job-watch.ts';
import { runLoop, type LoopTools } from './loop.ts';
import { Notifier } from './notifier.ts';

/** After the runner's stream of events broke. */
const RESUME_AFTER_MS = 1_000;
/** A stream is read for this long and then begun anew: so one that hangs is told from one that has nothing to say. */
const STREAM_MS = 5 * 60 * 1_000;

/** Turns what the runner tells into looks and progress. Lost events are only late: watch and sweep look anyway. */
export async function eventLoop(tools: LoopTools, watch: JobWatch, streamMs = STREAM_MS): Promise<void> {
  await runLoop(tools, {
    name: 'events',
    round: () => readStream(tools, watch, streamMs),
    failedPauseMs: RESUME_AFTER_MS,
    wake: new Notifier(),
  });
}

async function readStream({ context, signal, timers }: LoopTools, watch: JobWatch, streamMs: number): Promise<number> {
  const stream = new AbortController();
  const end = () => stream.abort();
  const cancel = timers.after(streamMs, end);
  signal.addEventListener('abort', end);
  try {
    for await (const event of context.runner.events(stream.signal)) {
      if (event.kind === 'changed') watch.lookLater(event.jobId, 0);
      else await noteProgress(context, event);
    }
    return stream.signal.aborted ? 0 : RESUME_AFTER_MS;
  } finally {
    cancel();
    signal.removeEventListener('abort', end);
  }
}

async function noteProgress(context: AdvanceContext, event: Extract<TaskEvent, { kind: 'progress' }>): Promise<void> {
  const { jobId, epoch, fraction, step } = event;
  const atMs = event.atMs ?? context.clock.nowMs();
  try {
    const noted = await context.store.recordProgress(jobId, epoch, { fraction, step, atMs });
    if (!noted) context.log('task.event.dropped', { reason: 'not_current' });
  } catch (error) {
    context.log('loop.failed', { loop: 'events', ...errorFields(error) });
  }
}
