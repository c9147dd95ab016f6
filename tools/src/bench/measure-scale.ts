import { addQueued, apply, copyJob, finish, openStore, wakeQueued, withoutLater, type Store } from './fill-database.ts';
import { finding, type Finding } from './finding.ts';
import { interleave } from './interleave.ts';
import { getRequest, runLoad } from './load.ts';
import { quantile } from './statistics.ts';
import { makeKeys, submitRequests } from './submitters.ts';
import type { Workshop } from './workshop.ts';

const ROUNDS = 5;
const FEW_JOBS = 10;
const QUEUED = 10_000;
const FINISHED = 1_000_000;
const SMALL_COUNT = 200;
const SUBMITS = 300;
const CLAIMS = 300;
const READS = 2_000;
/** A few at a time: what is looked for is the time of one, not of a crowd. */
const CONNECTIONS = 2;
const TINY_SHAPE = [4, 16, 16] as const;
const P99 = 0.99;

type Place = {
  store: Store;
  submit: () => Promise<number>;
  claim: () => Promise<number>;
  status: () => Promise<number>;
};

/**
 * p99 of submit and status (over HTTP) and of claim (queue and store, as a worker calls them) with ten queued jobs,
 * against 10,000 queued jobs and against 1,000,000 finished ones beside the ten. The rows are copies, made by SQL, of
 * rows that the store wrote; what each round adds is taken away after it, so that the numbers stay.
 */
export async function measureScale(shop: Workshop): Promise<Finding[]> {
  const few = await openPlace(shop, 'few', { queued: FEW_JOBS, finished: 0 });
  const many = await openPlace(shop, 'many', { queued: shop.size(QUEUED, SMALL_COUNT), finished: 0 });
  const old = await openPlace(shop, 'old', { queued: FEW_JOBS, finished: shop.size(FINISHED, SMALL_COUNT) });
  const findings: Finding[] = [];
  for (const operation of ['submit', 'claim', 'status'] as const) {
    const figures = await interleave(shop.size(ROUNDS, 1), {
      few: few[operation],
      many: many[operation],
      old: old[operation],
    });
    const against = (what: string, ours: number[]) =>
      finding({
        what: `p99 of ${operation} ${what}`,
        unit: 'ms',
        ours,
        other: { name: `${FEW_JOBS} queued`, figures: figures.few },
        ratio: 'ours/other',
        goal: { bound: 'at most', value: 1.2, of: 'ratio' },
      });
    findings.push(against('with 10,000 queued', figures.many), against('with 1,000,000 finished', figures.old));
  }
  return findings;
}

async function openPlace(shop: Workshop, name: string, jobs: { queued: number; finished: number }): Promise<Place> {
  const dataDir = await shop.folder(name);
  const [key = ''] = await makeKeys(dataDir, 1);
  const store = openStore(dataDir);
  shop.defer(async () => store.database.close());
  if (jobs.finished > 0) {
    const job = await addQueued(store);
    await takeOne(store);
    const claimed = await apply(store.jobs, job, {
      type: 'claimed',
      pool: job.pool,
      definition: null,
      atMs: Date.now(),
    });
    await finish(store.jobs, claimed);
    await copyJob(store, job.jobId, jobs.finished);
  }
  const { jobId } = await addQueued(store);
  // Ids follow from the number alone, so one place has either many queued or many finished jobs, never both.
  if (jobs.finished === 0) await copyJob(store, jobId, jobs.queued - 1);
  else for (let count = 1; count < jobs.queued; count += 1) await addQueued(store);
  await wakeQueued(store);
  const { port } = await shop.startApi(dataDir);
  const headers = { Authorization: `Bearer ${key}` };
  const path = await shop.makeVolume(`${name}.npz`, { how: 'deflated', shape: TINY_SHAPE });
  const requests = await submitRequests(path, [key]);
  const p99 = async (load: { requests: Buffer[]; count: number; status: number }) =>
    quantile((await runLoad({ port, connections: CONNECTIONS, ...load })).latenciesMs, P99);
  return {
    store,
    submit: async () => {
      let figure = Number.NaN;
      await withoutLater(store, async () => {
        figure = await p99({ requests, count: shop.size(SUBMITS, 20), status: 202 });
      });
      return figure;
    },
    claim: () => claims(store, shop.size(CLAIMS, 20)),
    status: () =>
      p99({ requests: [getRequest(`/status/${jobId}`, headers)], count: shop.size(READS, 50), status: 200 }),
  };
}

/** What a worker does to get a job: receive, read, save with a slot, acknowledge. A new job takes the place of each. */
async function claims(store: Store, count: number): Promise<number> {
  const latenciesMs: number[] = [];
  for (let claimed = 0; claimed < count; claimed += 1) {
    await addQueued(store);
    const startedMs = performance.now();
    const delivery = await takeOne(store, 'keep');
    const stored = await store.jobs.get(delivery.jobId);
    if (stored === null) throw new Error('a wake-up names a job that is not there');
    const event = { type: 'claimed', pool: stored.job.pool, definition: null, atMs: Date.now() } as const;
    const job = await apply(store.jobs, stored.job, event);
    await delivery.ack();
    latenciesMs.push(performance.now() - startedMs);
    await finish(store.jobs, job);
  }
  return quantile(latenciesMs, P99);
}

async function takeOne({ queue }: Store, what: 'acknowledge' | 'keep' = 'acknowledge') {
  const [delivery] = await queue.receive({ max: 1, waitMs: 0, signal: new AbortController().signal });
  if (delivery === undefined) throw new Error('the queue is empty where it must not be');
  if (what === 'acknowledge') await delivery.ack();
  return delivery;
}
