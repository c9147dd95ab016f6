import type { Put, Update } from '@aws-sdk/client-dynamodb';
import {
  jobIdSchema,
  LIMITS,
  storedJobRecordSchema,
  storedProgressSchema,
  type JobId,
  type JobRecord,
  type Progress,
} from '@bpi/job-contract';
import { markOfVersion, type Change, type StoredJob } from '@bpi/jobs';
import { attributeNames, numberValue, text, wholeNumber } from './attributes.ts';
import { indexKeyOf, JOB_TABLE, jobIdOfItem, jobKey, type Item } from './job-table.ts';

/** What a reader of a stored job asks for. */
export const STORED_JOB_ATTRIBUTES = ['record', 'progress'] as const;

/** What a job's mark is made of. */
export const MARK_ATTRIBUTES = ['version', 'progress'] as const;

/** Puts a new job unless its id is stored. The `createId` stays with the job and proves who made it. */
export function putJob(tableName: string, job: JobRecord, createId: string): Put {
  return {
    TableName: tableName,
    Item: { ...jobKey(job.jobId), ...recordAttributes(job), createId: { S: createId } },
    ConditionExpression: 'attribute_not_exists(pk)',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
}

/**
 * Stores `change.after` over `change.before`. The `saveId` proves whose save the stored version is. A new attempt
 * starts without progress; a job that needs no looking after any more, or waits no more, leaves the index of those that do.
 */
export function updateJob(tableName: string, change: Change, saveId: string): Update {
  const { before, after } = change;
  const set: Item = { ...recordAttributes(after), saveId: { S: saveId } };
  const { partitionKey, sortKey } = JOB_TABLE.activeIndex;
  const removed = [
    ...(epochOf(after) === epochOf(before) ? [] : ['progress', 'progressAtMs']),
    ...(partitionKey in set ? [] : [partitionKey, sortKey]),
    ...(before.phase === 'queued' && after.phase !== 'queued' ? ['queuedClient'] : []),
  ];
  const assignments = Object.keys(set).map((name) => `#${name} = :${name}`);
  const remove = removed.length === 0 ? '' : ` REMOVE ${removed.map((name) => `#${name}`).join(', ')}`;
  return {
    TableName: tableName,
    Key: jobKey(after.jobId),
    UpdateExpression: `SET ${assignments.join(', ')}${remove}`,
    ConditionExpression: '#version = :versionBefore',
    ExpressionAttributeNames: attributeNames([...Object.keys(set), ...removed]),
    ExpressionAttributeValues: {
      ...Object.fromEntries(Object.entries(set).map(([name, value]) => [`:${name}`, value])),
      ':versionBefore': numberValue(before.version),
    },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
}

/**
 * Notes progress beside the record, so that no version moves. It is kept as text, which every number survives, with
 * its time once more for the condition.
 */
export function updateProgress(tableName: string, jobId: JobId, epoch: number, progress: Progress): Update {
  return {
    TableName: tableName,
    Key: jobKey(jobId),
    UpdateExpression: 'SET #progress = :progress, #progressAtMs = :atMs',
    ConditionExpression:
      '#epoch = :epoch AND #phase IN (:launching, :running)' +
      ' AND (attribute_not_exists(#progressAtMs) OR #progressAtMs <= :atMs)',
    ExpressionAttributeNames: attributeNames(['progress', 'progressAtMs', 'epoch', 'phase']),
    ExpressionAttributeValues: {
      ':progress': { S: JSON.stringify(progress) },
      ':atMs': numberValue(progress.atMs),
      ':epoch': numberValue(epoch),
      ':launching': { S: 'launching' },
      ':running': { S: 'running' },
    },
  };
}

/** Records are checked when they are read: the table is a border of trust. */
export function parseRecord(item: Item): JobRecord {
  return storedJobRecordSchema.parse(JSON.parse(text(item, 'record')));
}

export function parseStoredJob(item: Item): StoredJob {
  return { job: parseRecord(item), progress: parseProgress(item) };
}

/** Whose item it is, and its job's mark. */
export function parseMark(item: Item): [JobId, string] {
  const mark = markOfVersion(wholeNumber(item, 'version'), parseProgress(item));
  return [jobIdSchema.parse(jobIdOfItem(item)), mark];
}

function parseProgress(item: Item): Progress | null {
  return item['progress'] === undefined ? null : storedProgressSchema.parse(JSON.parse(text(item, 'progress')));
}

function recordAttributes(job: JobRecord): Item {
  return {
    record: { S: recordText(job) },
    version: numberValue(job.version),
    phase: { S: job.phase },
    epoch: numberValue(epochOf(job)),
    ...indexKeyOf(job),
    ...(job.phase === 'queued' ? { queuedClient: { S: job.clientId } } : {}),
  };
}

function epochOf(job: JobRecord): number {
  return job.attempt?.epoch ?? 0;
}

function recordText(job: JobRecord): string {
  const record = JSON.stringify(job);
  if (Buffer.byteLength(record) > LIMITS.recordBytesMax) {
    throw new Error('a job record is larger than LIMITS.recordBytesMax: keep large values in the ObjectStore');
  }
  return record;
}
