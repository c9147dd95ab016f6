import {
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
  type DynamoDBClient,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';
import {
  apiKeyRecordSchema,
  auditEventSchema,
  storedAuditEventSchema,
  type ApiKeyRecord,
  type AuditEvent,
  type StoredAuditEvent,
} from '@bpi/job-contract';
import type { Clients } from '@bpi/jobs';
import { randomUUID } from 'node:crypto';
import { throwAwsError } from '../aws-error.ts';
import type { AwsOperation } from '../aws-operation.ts';
import { numberValue, text, wholeNumber } from './attributes.ts';
import { API_KEYS_PARTITION, apiKeyKey, auditKey, auditPartition, type Item } from './job-table.ts';
import { conditionFailed, refusalsOf } from './refusals.ts';

/** Every SDK command that the adapter sends, without its ending: what its role must be allowed. */
export const DYNAMO_CLIENTS_OPERATIONS: readonly AwsOperation[] = [
  'dynamodb:GetItem',
  'dynamodb:PutItem',
  'dynamodb:Query',
  'dynamodb:UpdateItem',
];

/** Keys that `listKeys` reads into memory. */
const KEYS_LISTED_MAX = 10_000;

/** API keys (digests only) and the audit trail, in the jobs' table (see JOB_TABLE). Nothing here changes an audit event. */
export class DynamoClients implements Clients {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;
  #audited = 0;

  constructor(client: DynamoDBClient, options: { tableName: string }) {
    this.#client = client;
    this.#tableName = options.tableName;
  }

  async findKey(keyId: string): Promise<ApiKeyRecord | null> {
    const { Item: item } = await this.#client
      .send(new GetItemCommand({ TableName: this.#tableName, Key: apiKeyKey(keyId), ConsistentRead: true }))
      .catch((error: unknown) => throwAwsError('GetItem', error));
    return item === undefined ? null : parseKey(item);
  }

  async putKey(key: ApiKeyRecord): Promise<boolean> {
    const putId = randomUUID();
    const item = { ...keyItem(apiKeyRecordSchema.parse(key)), putId: { S: putId } };
    const earlier = await this.#putIfAbsent(item);
    return earlier === null || earlier['putId']?.S === putId;
  }

  async revokeKey(keyId: string, atMs: number): Promise<boolean> {
    const revoke = new UpdateItemCommand({
      TableName: this.#tableName,
      Key: apiKeyKey(keyId),
      UpdateExpression: 'SET revokedAtMs = if_not_exists(revokedAtMs, :atMs)',
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeValues: { ':atMs': numberValue(atMs) },
    });
    try {
      await this.#client.send(revoke);
      return true;
    } catch (error) {
      if (conditionFailed(refusalsOf(error)?.[0])) return false;
      throwAwsError('UpdateItem', error);
    }
  }

  async listKeys(): Promise<ApiKeyRecord[]> {
    const items = await this.#partition(API_KEYS_PARTITION, KEYS_LISTED_MAX + 1);
    if (items.length > KEYS_LISTED_MAX) {
      throw new Error(`there are more than ${KEYS_LISTED_MAX} API keys: remove revoked ones from the table`);
    }
    return items.map(parseKey).sort(byAge);
  }

  async audit(event: AuditEvent): Promise<void> {
    const checked = auditEventSchema.parse(event);
    this.#audited += 1;
    const key = auditKey({ atMs: checked.atMs, sequence: this.#audited, entryId: randomUUID() });
    // Only an earlier try of this call can have stored it already: the key has an id of its own.
    await this.#putIfAbsent({ ...key, event: { S: JSON.stringify(checked) } });
  }

  /** The first events of the UTC day that `atMs` belongs to: by time, then in the order that one process wrote them. */
  async auditTrail(day: { atMs: number; limit: number }): Promise<StoredAuditEvent[]> {
    const items = await this.#partition(auditPartition(day.atMs), day.limit);
    return items.map((item) => storedAuditEventSchema.parse(JSON.parse(text(item, 'event'))));
  }

  /** Null if the item was stored, else the one that was there before. */
  async #putIfAbsent(item: Item): Promise<Item | null> {
    const put = new PutItemCommand({
      TableName: this.#tableName,
      Item: item,
      ConditionExpression: 'attribute_not_exists(pk)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    try {
      await this.#client.send(put);
      return null;
    } catch (error) {
      const refusal = refusalsOf(error)?.[0];
      if (conditionFailed(refusal)) return refusal.item ?? {};
      throwAwsError('PutItem', error);
    }
  }

  async #partition(partition: string, limit: number): Promise<Item[]> {
    const items: Item[] = [];
    let start: Item | undefined;
    do {
      const query: QueryCommandInput = {
        TableName: this.#tableName,
        KeyConditionExpression: 'pk = :partition',
        ExpressionAttributeValues: { ':partition': { S: partition } },
        ConsistentRead: true,
        Limit: limit - items.length,
        ExclusiveStartKey: start,
      };
      const answer = await this.#client
        .send(new QueryCommand(query))
        .catch((error: unknown) => throwAwsError('Query', error));
      items.push(...(answer.Items ?? []));
      start = answer.LastEvaluatedKey;
    } while (start !== undefined && items.length < limit);
    return items;
  }
}

function keyItem(key: ApiKeyRecord): Item {
  return {
    ...apiKeyKey(key.keyId),
    keyId: { S: key.keyId },
    clientId: { S: key.clientId },
    digest: { S: key.digest },
    createdAtMs: numberValue(key.createdAtMs),
    ...(key.revokedAtMs === null ? {} : { revokedAtMs: numberValue(key.revokedAtMs) }),
  };
}

function parseKey(item: Item): ApiKeyRecord {
  return apiKeyRecordSchema.parse({
    keyId: text(item, 'keyId'),
    clientId: text(item, 'clientId'),
    digest: text(item, 'digest'),
    createdAtMs: wholeNumber(item, 'createdAtMs'),
    revokedAtMs: item['revokedAtMs'] === undefined ? null : wholeNumber(item, 'revokedAtMs'),
  });
}

function byAge(a: ApiKeyRecord, b: ApiKeyRecord): number {
  if (a.createdAtMs !== b.createdAtMs) return a.createdAtMs - b.createdAtMs;
  return a.keyId < b.keyId ? -1 : 1;
}
