import { describe, expect, it } from '@jest/globals';
import { jobIdSchema, type JobId } from '@bpi/job-contract';
import { until } from '../testing/api-harness.ts';
import { JobWatch } from './job-watch.ts';

const idOf = (n: number): JobId => jobIdSchema.parse(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);
const LONG_MS = 20_000;
const NEVER = new AbortController().signal;

/** A watch over marks that the test sets; `asked` are its reads. */
function makeWatch(given: { read?: (marks: Map<JobId, string>) => Promise<Map<JobId, string>>; tickMs?: number } = {}) {
  const marks = new Map<JobId, string>();
  const asked: JobId[][] = [];
  const failures: unknown[] = [];
  const store = {
    marks: async (jobIds: readonly JobId[]) => {
      asked.push([...jobIds]);
      return given.read === undefined ? new Map(marks) : given.read(marks);
    },
  };
  const watch = new JobWatch({ store, tickMs: given.tickMs ?? 1, onFailure: (error) => failures.push(error) });
  const changed = (n: number, seen: string, waitMs = LONG_MS, gone = NEVER) =>
    watch.changed({ jobId: idOf(n), seen, waitMs, gone });
  return { watch, marks, asked, failures, changed };
}

describe('the watch', () => {
  it('asks for every watched job once per read, and wakes those alone whose job is another than they know', async () => {
    const { watch, marks, asked, changed } = makeWatch();
    for (const n of [1, 2]) marks.set(idOf(n), 'a');
    const outcomes: string[] = [];
    const waits = [1, 1, 1, 2].map(async (n) => outcomes.push(`${n} ${await changed(n, 'a')}`));
    await until(() => asked.length > 2);
    for (const jobIds of asked) expect(jobIds).toEqual([idOf(1), idOf(2)]);
    expect(outcomes).toEqual([]);
    marks.set(idOf(1), 'b');
    await until(() => outcomes.length === 3);
    expect(outcomes).toEqual(['1 changed', '1 changed', '1 changed']);
    watch.close();
    await Promise.all(waits);
    expect(outcomes.at(-1)).toBe('2 over');
  });

  it('asks nothing while nobody waits', async () => {
    const { asked, changed } = makeWatch({ tickMs: 5 });
    expect(await changed(1, 'a', 1)).toBe('over');
    await new Promise((resolve) => setTimeout(resolve, 20)); // nothing can be waited for: what must not happen is a read
    expect(asked).toEqual([]);
  });

  it('ends a wait when its time is over, and when its client left', async () => {
    const { marks, changed } = makeWatch();
    marks.set(idOf(1), 'a');
    expect(await changed(1, 'a', 5)).toBe('over');
    const gone = new AbortController();
    const wait = changed(1, 'a', LONG_MS, gone.signal);
    gone.abort();
    expect(await wait).toBe('over');
    expect(await changed(1, 'a', LONG_MS, gone.signal)).toBe('over');
  });

  it('leaves who came during a read to the next one', async () => {
    let answer: () => void = () => {};
    const { watch, marks, asked, changed } = makeWatch({
      read: async (now) => {
        const read = new Map(now);
        await new Promise<void>((resolve) => (answer = resolve));
        return read;
      },
    });
    marks.set(idOf(1), 'old');
    const first = changed(1, 'older');
    await until(() => asked.length === 1);
    marks.set(idOf(1), 'new');
    const second = changed(1, 'new');
    answer();
    expect(await first).toBe('changed');
    await until(() => asked.length === 2);
    watch.close();
    expect(await second).toBe('over');
  });

  it('goes on after a read that failed, less often', async () => {
    let fails = 1;
    const { marks, failures, asked, changed } = makeWatch({
      read: async (now) => {
        if (fails-- > 0) throw new Error('simulated');
        return new Map(now);
      },
    });
    marks.set(idOf(1), 'b');
    expect(await changed(1, 'a')).toBe('changed');
    expect([failures.length, asked.length]).toEqual([1, 2]);
  });

  it('holds nobody once it is closed', async () => {
    const { watch, changed } = makeWatch();
    watch.close();
    expect([watch.isClosed, await changed(1, 'a')]).toEqual([true, 'over']);
  });
});
