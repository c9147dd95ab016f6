import { MemoryJobStore } from '@bpi/adapters-memory';
import type { JobRecord } from '@bpi/job-contract';
import { IllegalTransition, transition, type Change, type JobEvent } from '@bpi/jobs';
import { describe, expect, it } from '@jest/globals';
import { JOB_IDS, newRecord } from './model.ts';
import { saveInto, type Store } from './store.ts';

const CHANGES = 4_000;
const SLOTS = 1;

/** A small generator with a seed, so that a failing sequence can be run again. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const EVENTS: readonly JobEvent[] = [
  { type: 'claimed', pool: 'p', definition: null, atMs: 1 },
  { type: 'taskSeen', task: 't', waitsForCapacity: false },
  { type: 'started', task: 't', atMs: 2 },
  { type: 'intended', code: 'cancelled', atMs: 3 },
  { type: 'retried', code: 'platform_error', notBeforeMs: 4, shrink: 'no', atMs: 4 },
  { type: 'failed', code: 'model_error', atMs: 5 },
  { type: 'deleteRequested', atMs: 6 },
  { type: 'erased', atMs: 7 },
  { type: 'leftoversRemoved', epochs: [1, 2, 3] },
  { type: 'deleted', atMs: 8 },
];

function tryTransition(job: JobRecord, event: JobEvent): Change | null {
  try {
    return transition(job, event);
  } catch (error) {
    if (error instanceof IllegalTransition) return null;
    throw error;
  }
}

describe('the store of the exploration', () => {
  it('answers and stores what MemoryJobStore does, whatever is saved in whatever order', async () => {
    const seed = Date.now() % 1_000_000;
    process.stdout.write(`protocol-check: store.spec seed ${seed}\n`);
    const random = randomOf(seed);
    const answers = { saved: 0, stale: 0, full: 0 };
    for (let round = 0; round < CHANGES / 20; round += 1) {
      const memory = new MemoryJobStore({ pools: { p: SLOTS } });
      let plain: Store = { jobs: JOB_IDS.map((jobId) => newRecord(jobId, { attemptTimeoutTicks: 2 })), holders: [] };
      for (const job of plain.jobs) await memory.create(job, null);
      const olds: JobRecord[] = [...plain.jobs];
      for (let step = 0; step < 20; step += 1) {
        const old = olds[random(olds.length)];
        const event = EVENTS[random(EVENTS.length)];
        const change = old === undefined || event === undefined ? null : tryTransition(old, event);
        if (change === null) continue;
        const job = JOB_IDS.indexOf(change.before.jobId);
        const isNewest = plain.jobs[job]?.version === change.before.version;
        const expected = await memory.save(change);
        const done = saveInto(plain, { job, change, isNewest, slots: SLOTS });
        plain = done.store;
        answers[done.result] += 1;
        if (done.result === 'saved') olds.push(change.after);
        expect(done.result).toBe(expected);
        expect((await memory.room('p')).free).toBe(SLOTS - plain.holders.length);
        for (const record of plain.jobs) expect((await memory.get(record.jobId))?.job).toEqual(record);
      }
    }
    for (const count of Object.values(answers)) expect(count).toBeGreaterThan(0);
  });
});
