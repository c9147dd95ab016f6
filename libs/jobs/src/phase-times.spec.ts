import { describe, expect, it } from '@jest/globals';
import { aJob } from './a-job.ts';
import type { JobEvent } from './job-event.ts';
import { phaseTimes } from './phase-times.ts';
import { transition } from './transition.ts';

const claimed = (atMs: number): JobEvent => ({ type: 'claimed', pool: 'cpu', definition: null, atMs });
const started = (atMs: number): JobEvent => ({ type: 'started', task: 'task-1', atMs });

describe('the time of a phase', () => {
  it('is counted from where it began, a second wait from the end of the attempt before', () => {
    const made = aJob();
    const at = (ms: number) => made.createdAtMs + ms;
    const events: [JobEvent, number, object][] = [
      [claimed(at(10)), at(10), { phaseMs: 10 }],
      [started(at(13)), at(13), { phaseMs: 3 }],
      [
        { type: 'retried', code: 'platform_error', notBeforeMs: at(40), shrink: 'no', atMs: at(33) },
        at(33),
        { phaseMs: 20 },
      ],
      [claimed(at(50)), at(50), { phaseMs: 17 }],
      [{ type: 'failed', code: 'model_error', atMs: at(54) }, at(54), { phaseMs: 4, totalMs: 54 }],
    ];
    let job = made;
    for (const [event, atMs, times] of events) {
      const change = transition(job, event);
      expect([event.type, phaseTimes(change, atMs)]).toEqual([event.type, times]);
      job = change.after;
    }
  });

  it('is never below zero when clocks disagree', () => {
    const change = transition(aJob(), { type: 'failed', code: 'cancelled', atMs: 0 });
    expect(phaseTimes(change, 0)).toEqual({ phaseMs: 0, totalMs: 0 });
  });
});
