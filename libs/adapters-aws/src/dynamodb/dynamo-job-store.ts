import {
  GetItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type DynamoDBClient,
  type TransactWriteItem,
  type Update,
} from '@aws-sdk/client-dynamodb';
import { progressSchema, type JobId, type JobRecord, type Progress } from '@bpi/job-contract';
import {
  assertChange,
  censusOf,
  type Census,
  type Change,
  type CreateResult,
  type DuePosition,
  type IdempotencyClaim,
  type JobPage,
  type JobStore,
  type ListAsk,
  type Room,
  type SaveResult,
  type StoredJob,
} from '@bpi/jobs';
import { randomUUID } from 'node:crypto';
import { throwAwsError } from '../aws-error.ts';
import type { AwsOperation } from '../aws-operation.ts';
import { readActiveJobs } from './active-jobs.ts';
import { projection } from './attributes.ts';
import { claimCounts, putClaim } from './claim-item.ts';
import { putClientJob, readClientJobs } from './client-jobs.ts';
import { readExpiringJobs } from './expiring-jobs.ts';
import {
  MARK_ATTRIBUTES,
  parseMark,
  parseStoredJob,
  putJob,
  STORED_JOB_ATTRIBUTES,
  updateJob,
  updateProgress,
} from './job-item.ts';
import { activeAtOf, claimKey, jobKey, poolKey, type Item, type ItemKey } from './job-table.ts';
import { freeSlot, heldSlots, POOL_SLOTS_MAX, takeSlot } from './pool-item.ts';
import { countQueuedJobs } from './queued-jobs.ts';
import { readJobItems, type JobItems, type OnUnreadable } from './read-batch.ts';
import { conditionFailed, isPassing, refusalsOf } from './refusals.ts';
import { createVerdict, createVerdictOfItem, saveVerdict, saveVerdictOfItem, type CreateVerdict } from './verdicts.ts';
import { pauseByTimer, pauseMs, writeUntilKnown, type Pause, type Write } from './write-until-known.ts';

/**
 * What the store's role must be allowed, on the table and its index: every SDK command that it sends, without its ending,
 * and PutItem and UpdateItem, which its transactions contain: they are what allows TransactWriteItems.
 */
export const DYNAMO_JOB_STORE_OPERATIONS: readonly AwsOperation[] = [
  'dynamodb:BatchGetItem',
  'dynamodb:GetItem',
  'dynamodb:PutItem',
  'dynamodb:Query',
  'dynamodb:TransactWriteItems',
  'dynamodb:UpdateItem',
];

/** Tries to note progress while transactions hold the job: the next progress comes soon, so few. */
const PROGRESS_TRIES_MAX = 4;

type Sending = Pick<Write<never>, 'operation' | 'send'>;

export type DynamoJobStoreOptions = {
  tableName: string;
  /** Slots by pool name. The same in every process that uses the table. */
  pools: Readonly<Record<string, number>>;
  /** Waits between tries; a timer unless said otherwise. */
  pause?: Pause;
  /** `listActive` and `list` tell it of a record that cannot be read and leave that out. Without it such a record is an error. */
  onUnreadable?: OnUnreadable;
};

/**
 * The truth about jobs in one DynamoDB table (see JOB_TABLE). The client must have a time-out for requests: an answer
 * that never comes is waited for otherwise.
 *
 * Every write carries a random id of its own, which is stored with the job. So a write whose answer was lost is told
 * from a rival's: it finds its own id. One case stays: if a rival saved after us and before we asked again, the answer
 * is `stale` although our change had been saved first. That is what a caller must expect of any stale save: look anew.
 *
 * `listActive` and `listExpiring` find jobs by an index that follows the table within moments, so a job that was just made
 * may be missing from it; the worker comes again. `countQueued` and `census` ask an index, too. All other reads
 * are consistent.
 */
export class DynamoJobStore implements JobStore {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;
  readonly #pools: Readonly<Record<string, number>>;
  readonly #pause: Pause;
  readonly #onUnreadable: OnUnreadable | undefined;

  constructor(client: DynamoDBClient, options: DynamoJobStoreOptions) {
    for (const [pool, slots] of Object.entries(options.pools)) {
      if (!Number.isInteger(slots) || slots < 0 || slots > POOL_SLOTS_MAX) {
        throw new Error(`pool ${pool} must have 0 to ${POOL_SLOTS_MAX} slots: correct the setting`);
      }
    }
    this.#client = client;
    this.#tableName = options.tableName;
    this.#pools = options.pools;
    this.#pause = options.pause ?? pauseByTimer;
    this.#onUnreadable = options.onUnreadable;
  }

  async create(job: JobRecord, claim: IdempotencyClaim | null): Promise<CreateResult> {
    if (job.phase !== 'queued' || job.version !== 1) throw new Error('create takes a new job: queued, version 1');
    const createId = randomUUID();
    const puts = [
      putJob(this.#tableName, job, createId),
      ...(claim === null ? [] : [putClaim(this.#tableName, job, claim)]),
      putClientJob(this.#tableName, job),
    ];
    const verdict = await writeUntilKnown<CreateVerdict>(
      {
        ...this.#transaction(
          createId,
          puts.map((put) => ({ Put: put })),
        ),
        applied: { kind: 'created' },
        judge: (refusals) => createVerdict(refusals, { createId, claim }),
        readBack: async () =>
          createVerdictOfItem(await this.#read(jobKey(job.jobId), ['record', 'createId']), createId),
      },
      this.#pause,
    );
    return verdict.kind === 'claimed' ? { kind: 'exists', job: await this.#mustGet(verdict.jobId) } : verdict;
  }

  async get(jobId: JobId): Promise<StoredJob | null> {
    const item = await this.#read(jobKey(jobId), STORED_JOB_ATTRIBUTES);
    return item === null ? null : parseStoredJob(item);
  }

  async marks(jobIds: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    const wanted = [...new Set(jobIds)];
    return new Map(await readJobItems(this.#jobItems(), wanted, MARK_ATTRIBUTES, parseMark));
  }

  async save(change: Change): Promise<SaveResult> {
    assertChange(change);
    const { before, after } = change;
    const saveId = randomUUID();
    return writeUntilKnown<SaveResult>(
      {
        ...this.#saving(change, saveId),
        applied: 'saved',
        judge: (refusals) => saveVerdict(refusals, saveId),
        readBack: async () => {
          const item = await this.#read(jobKey(after.jobId), ['version', 'saveId']);
          return saveVerdictOfItem(item, saveId, before.version);
        },
      },
      this.#pause,
    );
  }

  async recordProgress(jobId: JobId, epoch: number, progress: Progress): Promise<boolean> {
    const update = updateProgress(this.#tableName, jobId, epoch, progressSchema.parse(progress));
    for (let tries = 1; tries <= PROGRESS_TRIES_MAX; tries += 1) {
      try {
        await this.#client.send(new UpdateItemCommand(update));
        return true;
      } catch (error) {
        const refusals = refusalsOf(error);
        if (conditionFailed(refusals?.[0])) return false;
        if (refusals === null || !isPassing(error)) throwAwsError('UpdateItem', error);
      }
      await this.#pause(pauseMs(tries));
    }
    return false;
  }

  async listActive(page: { limit: number; after?: { createdAtMs: number; jobId: JobId } }): Promise<JobRecord[]> {
    const after = page.after === undefined ? null : activeAtOf(page.after);
    return readActiveJobs(this.#jobItems(), { limit: page.limit, after });
  }

  async listExpiring(page: { dueByMs: number; limit: number; after?: DuePosition }): Promise<JobRecord[]> {
    return readExpiringJobs(this.#jobItems(), page);
  }

  async list(ask: ListAsk): Promise<JobPage> {
    return readClientJobs(this.#jobItems(), ask);
  }

  async room(pool: string): Promise<Room> {
    const slots = this.#slots(pool);
    if (slots === 0) return { slots, free: 0 };
    const item = await this.#read(poolKey(pool), ['holders']);
    return { slots, free: Math.max(0, slots - heldSlots(item)) };
  }

  async countQueued(clientId: string, atMost: number): Promise<number> {
    return countQueuedJobs(this.#jobItems(), { clientId, atMost });
  }

  async hasClaim(keyDigest: string, nowMs: number): Promise<boolean> {
    const item = await this.#read(claimKey(keyDigest), ['expiresAtMs']);
    return item !== null && claimCounts(item, nowMs);
  }

  /** Reads every job that it counts, as a sweep does. */
  async census(atMost: number): Promise<Census> {
    return censusOf(await this.listActive({ limit: atMost }));
  }

  #saving(change: Change, saveId: string): Sending {
    const update = updateJob(this.#tableName, change, saveId);
    const { slot, pool } = change;
    if (slot === 'keep') return this.#update(update);
    const { jobId } = change.after;
    const move =
      slot === 'take'
        ? takeSlot(this.#tableName, pool, jobId, this.#slots(pool))
        : freeSlot(this.#tableName, pool, jobId);
    return this.#transaction(saveId, [{ Update: update }, { Update: move }]);
  }

  #jobItems(): JobItems {
    const table = { client: this.#client, tableName: this.#tableName, pause: this.#pause };
    return { ...table, onUnreadable: this.#onUnreadable };
  }

  #update(update: Update): Sending {
    return { operation: 'UpdateItem', send: () => this.#client.send(new UpdateItemCommand(update)) };
  }

  /** The token makes a repetition within ten minutes a success without a second effect. */
  #transaction(token: string, items: TransactWriteItem[]): Sending {
    const command = new TransactWriteItemsCommand({ ClientRequestToken: token, TransactItems: items });
    return { operation: 'TransactWriteItems', send: () => this.#client.send(command) };
  }

  async #mustGet(jobId: JobId): Promise<JobRecord> {
    const stored = await this.get(jobId);
    if (stored === null) throw new Error('an idempotency claim names a job that is not stored');
    return stored.job;
  }

  async #read(key: ItemKey, attributes: readonly string[]): Promise<Item | null> {
    const command = new GetItemCommand({
      TableName: this.#tableName,
      Key: key,
      ConsistentRead: true,
      ...projection(attributes),
    });
    const { Item: item } = await this.#client.send(command).catch((error: unknown) => throwAwsError('GetItem', error));
    return item ?? null;
  }

  #slots(pool: string): number {
    return Object.hasOwn(this.#pools, pool) ? (this.#pools[pool] ?? 0) : 0;
  }
}
