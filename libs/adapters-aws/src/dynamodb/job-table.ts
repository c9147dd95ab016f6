import type { AttributeValue, CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import { jobIdSchema, type JobId, type JobRecord } from '@bpi/job-contract';
import { dueAtMs, isActive, type DuePosition } from '@bpi/jobs';

/**
 * The one table, as plain data, for the infrastructure and for tests. All keys are strings. On demand, so that nothing
 * here names a throughput.
 *
 * | pk | sk | what |
 * |---|---|---|
 * | `job#<id>` | `job` | a job: its record as JSON, and beside it what conditions and the index need |
 * | `client#<id>` | `job#<time>#<id>` | that the client has this job; never changes, so a list needs no index |
 * | `idem#<digest>` | `idem` | an idempotency claim; expires |
 * | `pool#<name>` | `pool` | the jobs that hold a slot of the pool |
 * | `keys` | `key#<id>` | an API key's digest |
 * | `audit#<yyyy-mm-dd>` | `<time>#<sequence>#<uuid>` | an audit event |
 */
export const JOB_TABLE = {
  partitionKey: 'pk',
  sortKey: 'sk',
  /** Seconds since 1970. DynamoDB removes an item some time after it, so readers look at the time too. */
  ttlAttribute: 'expiresAt',
  /**
   * What the worker looks after (sparse): active jobs in the shards `active#…`, oldest first, and those that are over and
   * have something to expire in the shards `due#…`, the first due first. A job is never both. Keys only: records are
   * read from the table, where reads are consistent.
   */
  activeIndex: { name: 'active', partitionKey: 'activeShard', sortKey: 'activeAt', projection: 'KEYS_ONLY' },
  activeShards: 4,
  /** Queued jobs only (sparse), by client: how many wait is asked with each upload. Nothing but keys is ever read of it. */
  queuedIndex: { name: 'queued', partitionKey: 'queuedClient', sortKey: 'activeAt', projection: 'KEYS_ONLY' },
} as const;

export const TABLE_INDEXES = [JOB_TABLE.activeIndex, JOB_TABLE.queuedIndex] as const;
/** Every attribute that is part of a key, of the table or of an index; all are strings. */
export const KEY_ATTRIBUTES: readonly string[] = [
  ...new Set([JOB_TABLE, ...TABLE_INDEXES].flatMap(({ partitionKey, sortKey }) => [partitionKey, sortKey])),
];

export type Item = Record<string, AttributeValue>;
export type ItemKey = { pk: { S: string }; sk: { S: string } };

export const API_KEYS_PARTITION = 'keys';
export const ACTIVE_SHARDS: readonly string[] = shardsOf('active');
export const DUE_SHARDS: readonly string[] = shardsOf('due');
/** Sort before and behind every key of the index; a key must not be empty. */
export const BEFORE_ALL = '0';
export const AFTER_ALL = ':';
/** Milliseconds since 1970 in a sort key: enough for every date that JavaScript knows, so that text sorts as time. */
const TIME_DIGITS = 16;
const SEQUENCE_DIGITS = 10;
const JOB_KEY = 'job#';
const CLIENT_KEY = 'client#';
/** Sorts behind every `job#<time>#<id>`. */
const AFTER_ALL_JOBS = 'job$';

/** The table for an emulator: all but the expiry, which is another call and which emulators do not keep to. */
export function jobTableDefinition(tableName: string): CreateTableCommandInput {
  const { partitionKey, sortKey } = JOB_TABLE;
  const schemaOf = (keys: { partitionKey: string; sortKey: string }): CreateTableCommandInput['KeySchema'] => [
    { AttributeName: keys.partitionKey, KeyType: 'HASH' },
    { AttributeName: keys.sortKey, KeyType: 'RANGE' },
  ];
  return {
    TableName: tableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: KEY_ATTRIBUTES.map((name) => ({ AttributeName: name, AttributeType: 'S' })),
    KeySchema: schemaOf({ partitionKey, sortKey }),
    GlobalSecondaryIndexes: TABLE_INDEXES.map((index) => ({
      IndexName: index.name,
      KeySchema: schemaOf(index),
      Projection: { ProjectionType: index.projection },
    })),
  };
}

export function jobKey(jobId: string): ItemKey {
  return key(`${JOB_KEY}${jobId}`, 'job');
}

/** The partition of a client's jobs. */
export function clientPartition(clientId: string): string {
  return `${CLIENT_KEY}${clientId}`;
}

export function clientJobKey(job: { clientId: string; createdAtMs: number; jobId: JobId }): ItemKey {
  return key(clientPartition(job.clientId), clientJobSort(job));
}

/** Sorts a client's jobs by age, then by id; behind all of them for null. */
export function clientJobSort(job: { createdAtMs: number; jobId: JobId } | null): string {
  return job === null ? AFTER_ALL_JOBS : `${JOB_KEY}${activeAtOf(job)}`;
}

/** The time and the job id in what `clientJobSort` made. */
export function jobOfClientSort(sort: string): { createdAtMs: number; jobId: JobId } {
  const activeAt = sort.slice(JOB_KEY.length);
  return { createdAtMs: Number(activeAt.slice(0, TIME_DIGITS)), jobId: jobIdSchema.parse(jobIdOfSort(activeAt)) };
}

/** The job id in the key of a job's item; empty if it has none. */
export function jobIdOfItem(item: Item): string {
  return item[JOB_TABLE.partitionKey]?.S?.slice(JOB_KEY.length) ?? '';
}

export function claimKey(keyDigest: string): ItemKey {
  return key(`idem#${keyDigest}`, 'idem');
}

export function poolKey(pool: string): ItemKey {
  return key(`pool#${pool}`, 'pool');
}

export function apiKeyKey(keyId: string): ItemKey {
  return key(API_KEYS_PARTITION, `key#${keyId}`);
}

/** @param sequence orders what one process wrote within a millisecond. */
export function auditKey(entry: { atMs: number; sequence: number; entryId: string }): ItemKey {
  const sequence = String(entry.sequence).padStart(SEQUENCE_DIGITS, '0');
  return key(auditPartition(entry.atMs), `${sortableTime(entry.atMs)}#${sequence}#${entry.entryId}`);
}

/** The partition of the UTC day that a time belongs to. */
export function auditPartition(atMs: number): string {
  return `audit#${new Date(atMs).toISOString().slice(0, 10)}`;
}

/** The attributes that put a job into the index; none for one that needs no looking after. */
export function indexKeyOf(job: JobRecord): Item {
  const shard = shardNumber(job.jobId);
  if (isActive(job)) return { activeShard: { S: shardName('active', shard) }, activeAt: { S: activeAtOf(job) } };
  const at = dueAtMs(job);
  if (at === null) return {};
  return {
    activeShard: { S: shardName('due', shard) },
    activeAt: { S: dueAt({ dueAtMs: at, jobId: job.jobId }) },
  };
}

/** Sorts as the port wants active jobs: by age, then by id. */
export function activeAtOf(job: { createdAtMs: number; jobId: JobId }): string {
  return `${sortableTime(job.createdAtMs)}#${job.jobId}`;
}

/** Sorts as the port wants expiring jobs: by when they are due, then by id. */
export function dueAt(position: DuePosition): string {
  return `${sortableTime(position.dueAtMs)}#${position.jobId}`;
}

/** Sorts behind every job that is due by then, and before every other. */
export function dueUntil(dueByMs: number): string {
  return `${sortableTime(dueByMs)}$`;
}

/** The job id in what `activeAtOf` and `dueAt` made. */
export function jobIdOfSort(sort: string): string {
  return sort.slice(TIME_DIGITS + 1);
}

function key(pk: string, sk: string): ItemKey {
  return { pk: { S: pk }, sk: { S: sk } };
}

type Shards = 'active' | 'due';

function shardsOf(kind: Shards): string[] {
  return Array.from({ length: JOB_TABLE.activeShards }, (_, n) => shardName(kind, n));
}

function shardName(kind: Shards, n: number): string {
  return `${kind}#${n}`;
}

/** Spreads jobs evenly: the last digit of a random UUID. */
function shardNumber(jobId: JobId): number {
  return Number.parseInt(jobId.slice(-1), 16) % JOB_TABLE.activeShards;
}

function sortableTime(atMs: number): string {
  return String(atMs).padStart(TIME_DIGITS, '0');
}
