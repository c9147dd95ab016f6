import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { transition } from '@bpi/jobs';
import { DynamoJobStore } from './dynamo-job-store.ts';
import { activeAtOf } from './job-table.ts';
import { aJob, EVENTS, jobIdOf, START_MS } from './testing/a-job.ts';
import { makeEmulatedTable, type EmulatedTable } from './testing/emulated-table.ts';
import type { ScriptedClient } from './testing/scripted-client.ts';

let table: EmulatedTable;
let scripted: ScriptedClient;
let store: DynamoJobStore;
beforeEach(async () => {
  table = await makeEmulatedTable(process.env['BPI_TEST_AWS_ENDPOINT']);
  scripted = table.connect();
  store = new DynamoJobStore(scripted.client, { tableName: table.tableName, pools: {}, pause: async () => {} });
});
afterEach(async () => {
  await table.close();
});

async function storedJobs(count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) await store.create(aJob({ jobId: jobIdOf(n), nowMs: START_MS + n }), null);
}

async function listed(limit: number): Promise<string[]> {
  return (await store.listActive({ limit })).map(({ jobId }) => jobId);
}

function itemsOf(output: object): unknown[] {
  const items: unknown = Reflect.get(output, 'Items');
  return Array.isArray(items) ? items : [];
}

/** An answer in which the record of this job is one that only the next release can read. */
function ofNextRelease(answer: string, jobId: string): string {
  const rest = String.raw`,\"jobId\":\"${jobId}\"`;
  return answer.replaceAll(String.raw`\"schemaVersion\":1${rest}`, String.raw`\"schemaVersion\":2${rest}`);
}

describe('listActive', () => {
  it('fills the page with later jobs when the index still names some that are over', async () => {
    await storedJobs(3);
    const over = transition(aJob({ jobId: jobIdOf(9) }), EVENTS.failed).after;
    const ghost = { activeAt: { S: activeAtOf(over) } };
    scripted.follow(async ({ command, input, next }) => {
      const output = await next();
      const asked = JSON.stringify(input);
      // The index lags: a shard read from its beginning names a job first that is no longer active.
      if (command !== 'Query' || !asked.includes('active#1') || !asked.includes('{"S":"0"}')) return output;
      return { ...output, Items: [ghost, ...itemsOf(output)].slice(0, Number(Reflect.get(Object(input), 'Limit'))) };
    });
    expect(await listed(1)).toEqual([jobIdOf(1)]);
    expect(await listed(3)).toEqual([1, 2, 3].map(jobIdOf));
  });

  it('reads every page of an index that answers in parts', async () => {
    await storedJobs(9);
    scripted.follow(async ({ command, next }) => {
      const output = await next();
      if (command !== 'Query') return output;
      const [first, second] = itemsOf(output);
      return second === undefined ? output : { ...output, Items: [first], LastEvaluatedKey: first };
    });
    expect(await listed(9)).toEqual(Array.from({ length: 9 }, (_, n) => jobIdOf(n + 1)));
  });

  it('reads again what a batch left unread, and raises if it stays so', async () => {
    await storedJobs(2);
    let left = 2;
    scripted.follow(async ({ command, input, next }) => {
      if (command !== 'BatchGetItem' || left === 0) return next();
      left -= 1;
      return { Responses: {}, UnprocessedKeys: Reflect.get(Object(input), 'RequestItems') };
    });
    expect(await listed(2)).toHaveLength(2);
    left = Infinity;
    await expect(listed(2)).rejects.toMatchObject({ name: 'AwsError', retryable: true });
  });

  it('leaves out a record of a newer release and tells of it, and fills the page with the next ones', async () => {
    await storedJobs(3);
    scripted.follow(async ({ command, next }) => {
      const output = await next();
      return command === 'BatchGetItem' ? JSON.parse(ofNextRelease(JSON.stringify(output), jobIdOf(1))) : output;
    });
    await expect(listed(2)).rejects.toThrow();
    const unreadable: string[] = [];
    const tolerant = new DynamoJobStore(scripted.client, {
      tableName: table.tableName,
      pools: {},
      onUnreadable: (jobId) => unreadable.push(jobId),
    });
    const jobs = await tolerant.listActive({ limit: 2 });
    expect(jobs.map(({ jobId }) => jobId)).toEqual([2, 3].map(jobIdOf));
    expect(unreadable).toEqual([jobIdOf(1)]);
  });

  it('reads more records than one batch may hold', async () => {
    await storedJobs(130);
    scripted.tried.length = 0;
    expect(await listed(200)).toHaveLength(130);
    expect(scripted.tried.filter((command) => command === 'BatchGetItem')).toHaveLength(2);
  });
});
