import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DEFAULT_RETENTION, inputKey, type AuditEvent, type JobId } from '@bpi/job-contract';
import { transition, type JobEvent } from '@bpi/jobs';
import { expiryLoop, type ExpirySettings } from './expiry-loop.ts';
import { bound, makeBench, until, type Bench } from './testing/worker-bench.ts';

const day = 24 * 60 * 60 * 1_000;
const LONG_MS = 60_000;

let bench: Bench;
let trail: AuditEvent[];
beforeEach(async () => {
  bench = await makeBench({ spot: 1 });
  trail = [];
});
afterEach(async () => {
  await bench.close();
});

function start(settings: Partial<ExpirySettings> = {}): void {
  const clients = { audit: async (event: AuditEvent) => void trail.push(event) };
  const usual = { clients, retention: DEFAULT_RETENTION, passIntervalMs: 1, roundIntervalMs: 1 };
  bench.run(expiryLoop(bench.tools, { ...usual, ...settings }));
}

/** A failed job that was promised the usual times, with an input. */
async function ended(n: number): Promise<JobId> {
  const { store, objects, clock } = bench.context;
  let job = await bench.queued(n, { retention: DEFAULT_RETENTION });
  await objects.put(inputKey(job.jobId), Buffer.from('voxels'), { ifAbsent: true });
  const events: JobEvent[] = [
    { type: 'failed', code: 'cancelled', atMs: clock.nowMs() },
    { type: 'projected', atVersion: 2 },
  ];
  for (const event of events) {
    const change = transition(job, event);
    await store.save(change);
    job = change.after;
  }
  return job.jobId;
}

const inputOf = (jobId: JobId) => bench.context.objects.head(inputKey(jobId));

describe('the expiry loop', () => {
  it('removes an input when its time has come by the clock, tells of it, and turns the record into a tombstone', async () => {
    const jobId = await ended(1);
    start();
    bench.clock.advance(7 * day);
    await until(async () => (await inputOf(jobId)) === null);
    await until(() => bench.count('expiry.done') === 1);
    expect(bench.logged.find(({ event }) => event === 'expiry.done')?.fields).toEqual({
      jobs: 1,
      records: 0,
      failed: 0,
      durationMs: 0,
    });
    bench.clock.advance(358 * day);
    await until(async () => (await bench.context.store.get(jobId))?.job.deletion?.doneAtMs === bench.clock.nowMs());
    expect(trail.map(({ action }) => action)).toEqual(['expire.input', 'expire.record']);
  });

  it('asks with an empty hand when nothing is due, and says nothing', async () => {
    let asked = 0;
    const { store } = bench.context;
    const listExpiring: typeof store.listExpiring = async (page) => {
      asked += 1;
      return store.listExpiring(page);
    };
    bench.tools.context = { ...bench.context, store: { ...bound(store), listExpiring } };
    const jobId = await ended(1);
    start();
    await until(() => asked >= 3);
    expect([bench.logged, trail]).toEqual([[], []]);
    expect(await inputOf(jobId)).not.toBeNull();
  });

  it('comes again soon while more is due, and after its interval else', async () => {
    const job = await bench.queued(1);
    const asked: (JobId | null)[] = [];
    const { store } = bench.context;
    const listExpiring: typeof store.listExpiring = async ({ limit, after }) => {
      asked.push(after?.jobId ?? null);
      // Full pages for one round, and one job after it: not due by its record, so nothing is done about any.
      return Array.from({ length: asked.length <= 10 ? limit : 1 }, () => ({ ...job, retention: DEFAULT_RETENTION }));
    };
    bench.tools.context = { ...bench.context, store: { ...bound(store), listExpiring } };
    start({ passIntervalMs: LONG_MS });
    await until(() => asked.length === 11);
    expect([asked[0], asked[10]]).toEqual([null, job.jobId]);
  });

  it('goes on after a pass that failed', async () => {
    const { store } = bench.context;
    let failures = 2;
    const listExpiring: typeof store.listExpiring = async (page) => {
      if (failures-- > 0) throw new Error('simulated: the store does not answer');
      return store.listExpiring(page);
    };
    bench.tools.context = { ...bench.context, store: { ...bound(store), listExpiring } };
    const jobId = await ended(1);
    bench.clock.advance(7 * day);
    start();
    await until(async () => (await inputOf(jobId)) === null);
    expect(bench.count('loop.failed')).toBe(2);
  });
});
