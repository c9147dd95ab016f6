import { describe, expect, it } from '@jest/globals';
import { jobIdSchema, LIMITS, type JobId } from '@bpi/job-contract';
import type { Change } from '@bpi/jobs';
import { randomUUID } from 'node:crypto';
import { parseClaim, putClaim } from './claim-item.ts';
import { parseRecord, parseStoredJob, putJob, updateJob, updateProgress } from './job-item.ts';
import {
  activeAtOf,
  auditKey,
  clientJobKey,
  clientJobSort,
  dueAt,
  dueUntil,
  indexKeyOf,
  JOB_TABLE,
  jobIdOfSort,
  jobKey,
  jobOfClientSort,
  jobTableDefinition,
} from './job-table.ts';
import { freeSlot, heldSlots, takeSlot } from './pool-item.ts';
import { aClaim, aJob, changesOf, EVENTS, jobIdOf, START_MS } from './testing/a-job.ts';

const TABLE = 'jobs';
const ID = '00000000-0000-4000-8000-000000000001';

describe('a job as an item', () => {
  const job = aJob({ externalJobId: 'scan 7 – left' });
  const put = putJob(TABLE, job, 'create-1');

  it('is put whole, with what conditions and the index need, unless its id is stored', () => {
    expect(put).toEqual({
      TableName: TABLE,
      Item: {
        pk: { S: `job#${ID}` },
        sk: { S: 'job' },
        record: { S: JSON.stringify(job) },
        version: { N: '1' },
        phase: { S: 'queued' },
        epoch: { N: '0' },
        createId: { S: 'create-1' },
        activeShard: { S: 'active#1' },
        activeAt: { S: `0001893456000000#${ID}` },
        queuedClient: { S: 'clinic' },
      },
      ConditionExpression: 'attribute_not_exists(pk)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
  });

  it('is read as it was put, with its progress', () => {
    expect(parseStoredJob(put.Item ?? {})).toEqual({ job, progress: null });
    const progress = { fraction: 1e-200, step: 'predict', atMs: START_MS };
    const item = { ...put.Item, progress: { S: JSON.stringify(progress) } };
    expect(parseStoredJob(item)).toEqual({ job, progress });
  });

  it('is refused when somebody else changed it', () => {
    expect(() => parseRecord({ ...put.Item, record: { S: JSON.stringify({ ...job, phase: 'sleeping' }) } })).toThrow();
    expect(() => parseRecord(jobKey(ID))).toThrow('no valid attribute record');
  });

  it('is refused above the size limit', () => {
    const large = { ...job, externalJobId: 'x'.repeat(LIMITS.recordBytesMax) };
    expect(() => putJob(TABLE, large, 'create-1')).toThrow('LIMITS.recordBytesMax');
  });
});

describe('a change of a job', () => {
  const changes = changesOf(aJob(), [
    EVENTS.claimed,
    EVENTS.started,
    EVENTS.failed,
    { type: 'projected', atVersion: 4 },
    { type: 'leftoversRemoved', epochs: [1] },
  ]);
  const at = (n: number): Change => {
    const change = changes[n];
    if (change === undefined) throw new Error(`there are ${changes.length} changes`);
    return change;
  };

  it('is stored over the version it was made from', () => {
    const update = updateJob(TABLE, at(1), 'save-1');
    expect(update).toMatchObject({
      TableName: TABLE,
      Key: jobKey(ID),
      ConditionExpression: '#version = :versionBefore',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    expect(update.ExpressionAttributeValues).toEqual({
      ':record': { S: JSON.stringify(at(1).after) },
      ':version': { N: '3' },
      ':versionBefore': { N: '2' },
      ':phase': { S: 'running' },
      ':epoch': { N: '1' },
      ':saveId': { S: 'save-1' },
      ':activeShard': { S: 'active#1' },
      ':activeAt': { S: `0001893456000000#${ID}` },
    });
  });

  it('removes progress with a new attempt only, and the job from an index once it is none of its jobs any more', () => {
    const [last] = changes.slice(-1);
    if (last === undefined) throw new Error('a job has changes');
    const tombstone = changesOf(last.after, [EVENTS.deleteRequested, EVENTS.deleted]);
    const removed = [...changes, ...tombstone].map(
      (change) => updateJob(TABLE, change, 's').UpdateExpression?.split(' REMOVE ')[1],
    );
    const kept = [...changes.slice(1), ...tombstone.slice(1)].map(() => undefined);
    expect(removed).toEqual(['#progress, #progressAtMs, #queuedClient', ...kept, '#activeShard, #activeAt']);
  });

  it('names every attribute that it uses, and no other', () => {
    for (const change of changes) {
      const { UpdateExpression, ConditionExpression, ...update } = updateJob(TABLE, change, 's');
      const used = new Set(`${UpdateExpression} ${ConditionExpression}`.match(/[#:]\w+/g));
      const given = { ...update.ExpressionAttributeNames, ...update.ExpressionAttributeValues };
      expect(new Set(Object.keys(given))).toEqual(used);
    }
  });
});

describe('progress', () => {
  it('is noted for the current attempt, if it is not older', () => {
    const progress = { fraction: 0.5, step: 'predict', atMs: START_MS };
    expect(updateProgress(TABLE, jobIdOf(1), 2, progress)).toMatchObject({
      UpdateExpression: 'SET #progress = :progress, #progressAtMs = :atMs',
      ExpressionAttributeValues: {
        ':progress': { S: JSON.stringify(progress) },
        ':atMs': { N: String(START_MS) },
        ':epoch': { N: '2' },
      },
    });
  });
});

describe('a slot', () => {
  it('is taken while some are left', () => {
    expect(takeSlot(TABLE, 'cpu', jobIdOf(1), 2)).toEqual({
      TableName: TABLE,
      Key: { pk: { S: 'pool#cpu' }, sk: { S: 'pool' } },
      UpdateExpression: 'ADD #holders :job',
      ConditionExpression: 'attribute_not_exists(#holders) OR size(#holders) < :slots',
      ExpressionAttributeNames: { '#holders': 'holders' },
      ExpressionAttributeValues: { ':job': { SS: [ID] }, ':slots': { N: '2' } },
    });
  });

  it('is never taken in a pool that has none', () => {
    expect(takeSlot(TABLE, 'cpu', jobIdOf(1), 0).ConditionExpression).toBe('size(#holders) < :slots');
  });

  it('is freed without a condition', () => {
    expect(freeSlot(TABLE, 'cpu', jobIdOf(1)).ConditionExpression).toBeUndefined();
  });

  it('is counted by the holders', () => {
    expect(heldSlots(null)).toBe(0);
    expect(heldSlots({})).toBe(0);
    expect(heldSlots({ holders: { SS: [jobIdOf(1), jobIdOf(2)] } })).toBe(2);
  });
});

describe('an idempotency claim', () => {
  it('is put unless one lies there that has not ended, and is removed after its end', () => {
    const put = putClaim(TABLE, aJob(), aClaim());
    expect(put).toMatchObject({
      Item: {
        pk: { S: `idem#${'b'.repeat(64)}` },
        expiresAtMs: { N: String(START_MS + 60_001) },
        expiresAt: { N: String(START_MS / 1_000 + 61) },
      },
      ConditionExpression: 'attribute_not_exists(pk) OR #expiresAtMs <= :createdAtMs',
      ExpressionAttributeValues: { ':createdAtMs': { N: String(START_MS) } },
    });
    expect(parseClaim(put.Item ?? {})).toEqual({ jobId: ID, fingerprint: 'c'.repeat(64) });
  });
});

describe('keys', () => {
  it('sort active jobs by age and then by id, and give the id back', () => {
    const jobs = [
      { createdAtMs: 0, jobId: jobIdOf(9) },
      { createdAtMs: 9, jobId: jobIdOf(2) },
      { createdAtMs: 9, jobId: jobIdOf(3) },
      { createdAtMs: 10, jobId: jobIdOf(1) },
    ];
    const sorted = jobs.map(activeAtOf).reverse().sort();
    expect(sorted.map(jobIdOfSort)).toEqual(jobs.map(({ jobId }) => jobId));
  });

  it('sort a client’s jobs likewise, before the place behind all, and give time and id back', () => {
    const job = { clientId: 'clinic', createdAtMs: START_MS, jobId: jobIdOf(7) };
    expect(clientJobKey(job)).toEqual({ pk: { S: 'client#clinic' }, sk: { S: `job#0001893456000000#${job.jobId}` } });
    expect(jobOfClientSort(clientJobSort(job))).toEqual({ createdAtMs: START_MS, jobId: jobIdOf(7) });
    expect(clientJobSort({ createdAtMs: 9_999_999_999_999_999, jobId: jobIdOf(9) }) < clientJobSort(null)).toBe(true);
  });

  it('spread active jobs over every shard', () => {
    const shardOf = (jobId: JobId) => indexKeyOf(aJob({ jobId }))['activeShard']?.S;
    const shards = new Set(Array.from({ length: 16 }, (_, n) => shardOf(jobIdOf(n))));
    expect(shards.size).toBe(JOB_TABLE.activeShards);
    expect(shardOf(jobIdSchema.parse(randomUUID()))).toMatch(/^active#[0-3]$/);
  });

  it('move a job from the active ones to those that are due, and out of the index when it is a tombstone', () => {
    const endedAtMs = START_MS + 5;
    const retention = { inputMs: 10, resultMs: 30, logsMs: 20, recordMs: 40 };
    const over = { ...aJob({ jobId: jobIdOf(7), retention }), phase: 'failed' as const, endedAtMs, endedVersion: 2 };
    expect(indexKeyOf(over)['activeShard']).toEqual({ S: 'active#3' }); // not shown yet
    const shown = { ...over, projectedVersion: 2 };
    expect(indexKeyOf(shown)).toEqual({
      activeShard: { S: 'due#3' },
      activeAt: { S: `0001893456000015#${jobIdOf(7)}` },
    });
    const deletion = { requestedAtMs: 1, erasedAtMs: 2, doneAtMs: 3 };
    expect(indexKeyOf({ ...shown, deletion })).toEqual({});
  });

  it('sort jobs by when they are due and then by id, those of the asked moment before it', () => {
    const at = (dueAtMs: number, n: number) => dueAt({ dueAtMs, jobId: jobIdOf(n) });
    const keys = [at(8, 9), at(9, 1), at(9, 2), dueUntil(9), at(10, 0), dueUntil(10)];
    expect([...keys].reverse().sort()).toEqual(keys);
    expect(jobIdOfSort(at(9, 2))).toBe(jobIdOf(2));
  });

  it('put audit events into the day they belong to, in the order of their writing', () => {
    const keys = [9, 10].map((sequence) => auditKey({ atMs: START_MS + 5, sequence, entryId: 'x' }));
    expect(keys[0]?.pk).toEqual({ S: 'audit#2030-01-01' });
    expect(String(keys[0]?.sk.S) < String(keys[1]?.sk.S)).toBe(true);
    expect(auditKey({ atMs: START_MS - 1, sequence: 1, entryId: 'x' }).pk).toEqual({ S: 'audit#2029-12-31' });
  });

  it('are the ones that the table has', () => {
    const { KeySchema, AttributeDefinitions } = jobTableDefinition(TABLE);
    expect(KeySchema?.map(({ AttributeName }) => AttributeName)).toEqual(Object.keys(jobKey(ID)));
    expect(AttributeDefinitions?.map(({ AttributeName }) => AttributeName)).toEqual(
      expect.arrayContaining(['activeShard', 'activeAt']),
    );
  });
});
