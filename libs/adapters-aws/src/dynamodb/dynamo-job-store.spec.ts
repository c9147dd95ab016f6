import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { JobRecord } from '@bpi/job-contract';
import { transition, type Change, type JobEvent } from '@bpi/jobs';
import { DYNAMO_JOB_STORE_OPERATIONS, DynamoJobStore } from './dynamo-job-store.ts';
import { claimKey, clientJobKey, jobKey, poolKey } from './job-table.ts';
import { freeSlot, POOL_SLOTS_MAX } from './pool-item.ts';
import { aClaim, aJob, changesOf, EVENTS, jobIdOf, START_MS } from './testing/a-job.ts';
import { makeEmulatedTable, type EmulatedTable } from './testing/emulated-table.ts';
import { applyFault, FAULTS, faultsOn, type Fault, type ScriptedClient } from './testing/scripted-client.ts';
import { WRITE_LIMITS } from './write-until-known.ts';

const POOLS = { cpu: 1, gpu: 1 };
const ALL_FAULTS = Object.keys(FAULTS) as Fault[];
const ENOUGH_TO_GIVE_UP = WRITE_LIMITS.triesMax;
const at = START_MS + 10;

let table: EmulatedTable;
let scripted: ScriptedClient;
let store: DynamoJobStore;
/** Without faults and without waiting, for what a test prepares and looks at. */
let plain: DynamoJobStore;

function openStore(client: ScriptedClient): DynamoJobStore {
  return new DynamoJobStore(client.client, { tableName: table.tableName, pools: POOLS, pause: async () => {} });
}

beforeEach(async () => {
  table = await makeEmulatedTable(process.env['BPI_TEST_AWS_ENDPOINT']);
  scripted = table.connect();
  store = openStore(scripted);
  plain = openStore(table.connect());
});
afterEach(async () => {
  await table.close();
});

/** A job that went through the events, and the change that the last of them makes of it. */
async function prepared(events: readonly [...JobEvent[], JobEvent], n = 1): Promise<Change> {
  const job = aJob({ jobId: jobIdOf(n) });
  await plain.create(job, null);
  const changes = changesOf(job, events);
  const last = changes.pop();
  for (const change of changes) expect(await plain.save(change)).toBe('saved');
  if (last === undefined) throw new Error('a change needs an event');
  return last;
}

async function holders(pool: string): Promise<string[]> {
  return (await table.item(poolKey(pool)))?.['holders']?.SS ?? [];
}

/** The three kinds of a save, by what it does to a slot, and who holds one afterwards. */
const SAVES: [string, string, [...JobEvent[], JobEvent], JobRecord['jobId'][]][] = [
  ['keep', 'UpdateItem', [EVENTS.claimed, EVENTS.started], [jobIdOf(1)]],
  ['take', 'TransactWriteItems', [EVENTS.claimed], [jobIdOf(1)]],
  ['free', 'TransactWriteItems', [EVENTS.claimed, EVENTS.failed], []],
];

describe.each(SAVES)('a save that is to %s a slot', (_, command, events, holdersAfter) => {
  it.each(ALL_FAULTS)('is saved once, although a try was %s', async (fault) => {
    const change = await prepared(events);
    scripted.follow(faultsOn(command, [fault, fault]));
    expect(await store.save(change)).toBe('saved');
    expect((await plain.get(change.after.jobId))?.job).toEqual(change.after);
    expect(await holders('cpu')).toEqual(holdersAfter);
  });

  it("is saved once, although the SDK's own retry met what the lost try had stored", async () => {
    const change = await prepared(events);
    const retrying = table.connect(3);
    retrying.follow(faultsOn(command, ['lost']));
    expect(await openStore(retrying).save(change)).toBe('saved');
    expect(retrying.tried).toEqual([command, command]);
    expect((await plain.get(change.after.jobId))?.job).toEqual(change.after);
    expect(await holders('cpu')).toEqual(holdersAfter);
  });

  it('is found saved by reading back when the answer was lost and no other try comes through', async () => {
    const change = await prepared(events);
    scripted.follow(faultsOn(command, ['lost', ...Array<Fault>(ENOUGH_TO_GIVE_UP).fill('unsent')]));
    expect(await store.save(change)).toBe('saved');
    expect(scripted.tried.at(-1)).toBe('GetItem');
    expect(await holders('cpu')).toEqual(holdersAfter);
  });

  it('is found stale by reading back when a rival came first', async () => {
    const change = await prepared(events);
    const rival = transition(change.before, EVENTS.cancelRequested);
    await plain.save(rival);
    scripted.follow(faultsOn(command, Array<Fault>(ENOUGH_TO_GIVE_UP).fill('unsent')));
    expect(await store.save(change)).toBe('stale');
    expect((await plain.get(change.after.jobId))?.job).toEqual(rival.after);
  });

  it.each(ALL_FAULTS.filter((fault) => fault !== 'lost'))(
    'changes nothing and says that it may be repeated when every try was %s',
    async (fault) => {
      const change = await prepared(events);
      const before = await holders('cpu');
      scripted.follow(faultsOn(command, Array<Fault>(ENOUGH_TO_GIVE_UP).fill(fault)));
      await expect(store.save(change)).rejects.toMatchObject({ name: 'AwsError', retryable: true });
      expect((await plain.get(change.after.jobId))?.job).toEqual(change.before);
      expect(await holders('cpu')).toEqual(before);
      expect(await store.save(change)).toBe('saved');
    },
  );
});

describe('a save', () => {
  it('answers stale when a rival saved over it before it could ask again', async () => {
    const change = await prepared([EVENTS.claimed, EVENTS.started]);
    const rival = transition(change.after, EVENTS.failed);
    let rivalled = false;
    scripted.follow(async (one) => {
      if (rivalled) return one.next();
      rivalled = true;
      await one.next();
      expect(await plain.save(rival)).toBe('saved');
      return applyFault('unsent', one);
    });
    expect(await store.save(change)).toBe('stale');
    expect((await plain.get(change.after.jobId))?.job).toEqual(rival.after);
    expect(await holders('cpu')).toEqual([]);
  });

  it('moves the slot of the pool that the attempt claimed, not of the one the job began with', async () => {
    const claimed = await prepared([{ type: 'claimed', pool: 'gpu', definition: null, atMs: at }]);
    expect(await store.save(claimed)).toBe('saved');
    expect([await holders('cpu'), await holders('gpu')]).toEqual([[], [jobIdOf(1)]]);
    expect(await store.save(transition(claimed.after, EVENTS.failed))).toBe('saved');
    expect(await holders('gpu')).toEqual([]);
  });

  it('answers stale and not full to an outdated claim in a full pool', async () => {
    await plain.save(await prepared([EVENTS.claimed], 2));
    const outdated = await prepared([EVENTS.claimed]);
    await plain.save(transition(outdated.before, EVENTS.cancelRequested));
    expect(await store.save(outdated)).toBe('stale');
  });

  it('ends a job whose slot somebody took away', async () => {
    const failed = await prepared([EVENTS.claimed, EVENTS.failed]);
    await scripted.client.send(new UpdateItemCommand(freeSlot(table.tableName, 'cpu', jobIdOf(1))));
    expect(await holders('cpu')).toEqual([]);
    expect(await store.save(failed)).toBe('saved');
    expect(await store.room('cpu')).toEqual({ slots: 1, free: 1 });
  });
});

describe('create', () => {
  const job = aJob();
  const claim = aClaim();
  const creates = [
    ['without a claim', null],
    ['with a claim', claim],
  ] as const;
  const command = 'TransactWriteItems';

  describe.each(creates)('%s', (_, given) => {
    it.each(ALL_FAULTS)('is created once, although a try was %s', async (fault) => {
      scripted.follow(faultsOn(command, [fault, fault]));
      expect(await store.create(job, given)).toEqual({ kind: 'created' });
      expect((await plain.get(job.jobId))?.job).toEqual(job);
    });

    it('is found created by reading back, also after somebody saved it', async () => {
      let tries = 0;
      scripted.follow(async (one) => {
        if (one.command !== command) return one.next();
        tries += 1;
        if (tries > 1) return applyFault('unsent', one);
        await one.next();
        await plain.save(transition(job, EVENTS.claimed));
        return applyFault('unsent', one);
      });
      expect(await store.create(job, given)).toEqual({ kind: 'created' });
      expect(tries).toBe(WRITE_LIMITS.triesMax);
    });

    it('stores nothing and says that it may be repeated when no try came through', async () => {
      scripted.follow(faultsOn(command, Array<Fault>(ENOUGH_TO_GIVE_UP).fill('unsent')));
      await expect(store.create(job, given)).rejects.toMatchObject({ name: 'AwsError', retryable: true });
      expect(await plain.get(job.jobId)).toBeNull();
      expect(await table.item(claimKey(claim.keyDigest))).toBeUndefined();
    });
  });

  it('answers the first job when a claim and a lost answer come together', async () => {
    await plain.create(job, claim);
    scripted.follow(faultsOn('TransactWriteItems', ['lost', 'conflict']));
    expect(await store.create(aJob({ jobId: jobIdOf(2) }), claim)).toEqual({ kind: 'exists', job });
    expect(await plain.get(jobIdOf(2))).toBeNull();
  });
});

describe('list', () => {
  const ask = { clientId: 'clinic', limit: 5 };

  it('costs one query and one batch for a page, and finds a job as soon as it is stored', async () => {
    for (let n = 1; n <= 7; n += 1) await plain.create(aJob({ jobId: jobIdOf(n), nowMs: START_MS + n }), null);
    const { jobs, next } = await store.list(ask);
    expect(jobs.map((one) => one.job.jobId)).toEqual([7, 6, 5, 4, 3].map(jobIdOf));
    expect(scripted.tried).toEqual(['Query', 'BatchGetItem']);
    expect(next).toEqual({ createdAtMs: START_MS + 3, jobId: jobIdOf(3) });
  });

  it('reads every page of a partition that answers in parts', async () => {
    for (let n = 1; n <= 3; n += 1) await plain.create(aJob({ jobId: jobIdOf(n), nowMs: START_MS + n }), null);
    scripted.follow(async ({ command, next }) => {
      const output = await next();
      if (command !== 'Query') return output;
      const [first, second]: unknown[] = Reflect.get(output, 'Items');
      const { pk } = clientJobKey(aJob());
      return second === undefined ? output : { ...output, Items: [first], LastEvaluatedKey: { pk, ...Object(first) } };
    });
    expect((await store.list(ask)).jobs).toHaveLength(3);
  });

  it('keeps nothing that the client wrote beside the job’s own item', async () => {
    const job = aJob({ externalJobId: 'Mustermann' });
    await store.create(job, aClaim());
    expect(await table.item(clientJobKey(job))).toEqual(clientJobKey(job));
    await store.save(transition(job, { type: 'deleteRequested', atMs: at }));
    expect(JSON.stringify(await table.item(jobKey(job.jobId)))).not.toContain('Mustermann');
  });
});

describe('recordProgress', () => {
  const progress = { fraction: 0.5, step: 'predict', atMs: START_MS };

  it('tries again while a transaction holds the job, and gives up soon', async () => {
    await plain.save(await prepared([EVENTS.claimed]));
    scripted.follow(faultsOn('UpdateItem', ['conflict', 'conflict']));
    expect(await store.recordProgress(jobIdOf(1), 1, progress)).toBe(true);
    scripted.follow(faultsOn('UpdateItem', Array<Fault>(10).fill('conflict')));
    expect(await store.recordProgress(jobIdOf(1), 1, { ...progress, atMs: at })).toBe(false);
    expect((await plain.get(jobIdOf(1)))?.progress).toEqual(progress);
  });

  it('raises what it cannot tell', async () => {
    scripted.follow(faultsOn('UpdateItem', ['broken']));
    await expect(store.recordProgress(jobIdOf(1), 1, progress)).rejects.toMatchObject({ retryable: true });
  });
});

describe('the store', () => {
  it('raises errors of reads in words of its own, without what was answered', async () => {
    scripted.follow(faultsOn('GetItem', ['throttled', 'broken']));
    await expect(store.get(jobIdOf(1))).rejects.toMatchObject({ code: 'ThrottlingException', retryable: true });
    await expect(store.room('cpu')).rejects.toMatchObject({ code: 'InternalServerError', retryable: true });
    scripted.follow(faultsOn('Query', ['unsent']));
    await expect(store.listActive({ limit: 1 })).rejects.toMatchObject({ name: 'AwsError', code: 'TimeoutError' });
  });

  it('names a table that is not there', async () => {
    const lost = new DynamoJobStore(scripted.client, { tableName: 'no-such-table', pools: POOLS });
    await expect(lost.create(aJob(), null)).rejects.toThrow('check the name and the region');
  });

  it('refuses pools that one item could not hold', () => {
    const open = (cpu: number) => new DynamoJobStore(scripted.client, { tableName: 'jobs', pools: { cpu } });
    for (const slots of [-1, 0.5, POOL_SLOTS_MAX + 1]) expect(() => open(slots)).toThrow('correct the setting');
    open(POOL_SLOTS_MAX);
  });

  it('sends the commands that it lists, and no other', async () => {
    const claimed = transition(aJob(), EVENTS.claimed);
    await store.create(aJob(), aClaim());
    await store.create(aJob({ jobId: jobIdOf(2) }), null);
    await store.save(claimed);
    await store.save(transition(claimed.after, EVENTS.started));
    await store.listActive({ limit: 10 });
    await store.room('cpu');
    const contained = ['PutItem', 'UpdateItem'];
    const tried = new Set([...scripted.tried, ...contained].map((operation) => `dynamodb:${operation}`));
    expect([...tried].sort()).toEqual(DYNAMO_JOB_STORE_OPERATIONS);
  });
});
