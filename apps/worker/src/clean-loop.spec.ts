import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CLEAN_LIMITS, type TaskSpec } from '@bpi/jobs';
import { inputKey } from '@bpi/job-contract';
import { cleanLoop } from './clean-loop.ts';
import { jobIdOf, makeBench, until, type Bench } from './testing/worker-bench.ts';

const LONG_MS = 60_000;

let bench: Bench;
let listings: number;
let asked: number;
let backendCleanings: number;
beforeEach(async () => {
  bench = await makeBench({ spot: 1 });
  listings = 0;
  asked = 0;
  backendCleanings = 0;
});
afterEach(async () => {
  await bench.close();
});

/** Runs the loop over so many old inputs without a record. @param failures of the first listings. */
function start(inputs: number, settings: { passIntervalMs: number; roundIntervalMs: number }, failures = 0): void {
  async function* list(): AsyncGenerator<{ key: string; bytes: number; modifiedAtMs: number }> {
    listings += 1;
    if (listings <= failures) throw new Error('simulated: the objects cannot be listed');
    for (let n = 1; n <= inputs; n += 1) {
      asked += 1;
      yield { key: inputKey(jobIdOf(n)), bytes: 1, modifiedAtMs: 0 };
    }
  }
  const cleanBackend = async () => {
    backendCleanings += 1;
  };
  const { objects } = bench.context;
  bench.tools.context = { ...bench.context, objects: { ...unbound(objects), list } };
  bench.run(cleanLoop(bench.tools, { ...settings, cleanBackend }));
}

function taskOf(n: number): TaskSpec {
  const model = { name: 'echo', version: '1.0.0' };
  return { jobId: jobIdOf(n), epoch: 1, model, pool: 'spot', definition: null, shrunk: false };
}

function unbound(objects: Bench['context']['objects']): Bench['context']['objects'] {
  return {
    put: (...given) => objects.put(...given),
    get: (...given) => objects.get(...given),
    head: (key) => objects.head(key),
    list: (prefix) => objects.list(prefix),
    copy: (from, to) => objects.copy(from, to),
    delete: (keys) => objects.delete(keys),
    deletePrefix: (prefix) => objects.deletePrefix(prefix),
    signDownload: (...given) => objects.signDownload(...given),
  };
}

describe('the clean loop', () => {
  it('goes through all jobs in rounds, each where the last one ended, and cleans the backend after them', async () => {
    start(3 * CLEAN_LIMITS.jobsPerRound + 1, { passIntervalMs: LONG_MS, roundIntervalMs: 1 });
    await until(() => backendCleanings === 1);
    expect({ listings, asked }).toEqual({ listings: 1, asked: 3 * CLEAN_LIMITS.jobsPerRound + 1 });
    const removed = bench.logged
      .filter(({ event }) => event === 'cleanup.removed')
      .map(({ fields }) => fields['count']);
    expect(removed).toEqual([CLEAN_LIMITS.jobsPerRound, CLEAN_LIMITS.jobsPerRound, CLEAN_LIMITS.jobsPerRound, 1]);
  });

  it('looks at no more jobs than fit in a round before it pauses', async () => {
    start(1_000, { passIntervalMs: LONG_MS, roundIntervalMs: LONG_MS });
    await until(() => bench.count('cleanup.removed') === 1);
    expect(asked).toBe(CLEAN_LIMITS.jobsPerRound);
  });

  it('removes the stopped tasks that no record names', async () => {
    await bench.context.runner.launch(taskOf(1));
    await bench.context.runner.launch(taskOf(2));
    bench.runner.end(jobIdOf(1));
    start(0, { passIntervalMs: LONG_MS, roundIntervalMs: 1 });
    await until(() => backendCleanings === 1);
    expect((await bench.runner.list()).map(({ jobId }) => jobId)).toEqual([jobIdOf(2)]);
  });

  it('begins a new pass after its interval', async () => {
    start(1, { passIntervalMs: 1, roundIntervalMs: 1 });
    await until(() => listings >= 3);
    expect(backendCleanings).toBeGreaterThanOrEqual(2);
  });

  it('begins anew after a listing that failed', async () => {
    start(1, { passIntervalMs: 1, roundIntervalMs: 1 }, 2);
    await until(() => backendCleanings > 0);
    expect(bench.count('loop.failed')).toBe(2);
  });
});
