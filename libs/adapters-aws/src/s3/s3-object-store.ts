import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type HeadObjectCommandOutput,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { isObjectKey, isObjectPrefix, sha256Schema } from '@bpi/job-contract';
import {
  isSettledFile,
  ObjectNotFound,
  type ByteRange,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  type PutResult,
} from '@bpi/jobs';
import { AwsError, isErrorNamed, throwAwsError } from '../aws-error.ts';
import type { AwsOperation } from '../aws-operation.ts';
import {
  copyInput,
  deleteInput,
  downloadInput,
  KEYS_PER_CALL_MAX,
  getInput,
  linkSeconds,
  listInput,
  METADATA,
  outsideRange,
} from './requests.ts';
import { spool } from './spool.ts';
import { wholeBody } from './whole-body.ts';
import { writeObject } from './write-object.ts';

/** Every command this adapter sends. The role also needs ListBucket for the others to see "not there" (404, not 403). */
export const S3_OBJECT_STORE_OPERATIONS: readonly AwsOperation[] = [
  's3:AbortMultipartUpload',
  's3:CompleteMultipartUpload',
  's3:CopyObject',
  's3:CreateMultipartUpload',
  's3:DeleteObjects',
  's3:GetObject',
  's3:HeadObject',
  's3:ListObjectsV2',
  's3:PutObject',
  's3:UploadPart',
];

export type S3ObjectStoreOptions = {
  client: S3Client;
  /** A general purpose bucket; its default encryption applies. */
  bucket: string;
  /** A folder that exists, for bodies above 16 MiB while they are put: up to 5 GiB for each put at a time. */
  scratchDir: string;
  /** The first wait after S3 said that another conditional write of the key is under way. */
  conflictPauseMs?: number;
};

const CONFLICT_PAUSE_MS = 200;

/**
 * Objects of one bucket. The SHA-256 of an object is its metadata, which S3 takes before the first byte: so a body is
 * taken in first, in memory up to one part, on the scratch disk beyond that, and sent when its digest is known.
 * S3 checks every part against its own SHA-256. Memory: at most two parts of 16 MiB for each put.
 */
export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #scratchDir: string;
  readonly #conflictPauseMs: number;

  constructor(options: S3ObjectStoreOptions) {
    this.#client = options.client;
    this.#bucket = options.bucket;
    this.#scratchDir = options.scratchDir;
    this.#conflictPauseMs = options.conflictPauseMs ?? CONFLICT_PAUSE_MS;
  }

  async put(key: string, body: ObjectBody, how: { ifAbsent: boolean }): Promise<PutResult> {
    assertKey(key);
    const content = isSettledFile(body) ? createReadStream(body.path) : body;
    const goOnWhenLarge = async () => !how.ifAbsent || (await this.#headOf(key)) === null;
    const source = await spool(content, { scratchDir: this.#scratchDir, goOnWhenLarge });
    if (source === null) return { kind: 'exists' };
    try {
      const write = { bucket: this.#bucket, key, source, writeId: randomUUID(), ifAbsent: how.ifAbsent };
      const outcome = await writeObject(this.#client, write, this.#conflictPauseMs);
      return outcome === 'exists' ? { kind: 'exists' } : { kind: 'stored', bytes: source.bytes, sha256: source.sha256 };
    } finally {
      await source.close();
    }
  }

  async get(key: string, range?: ByteRange): Promise<Readable> {
    assertKey(key);
    const { Body, ContentLength } = await this.#client
      .send(new GetObjectCommand(getInput(this.#bucket, key, range)))
      .catch((error: unknown) => {
        if (isErrorNamed(error, 'NoSuchKey')) throw new ObjectNotFound();
        if (isErrorNamed(error, 'InvalidRange')) throw outsideRange();
        return throwAwsError('GetObject', error);
      });
    if (!(Body instanceof Readable) || ContentLength === undefined) throw new AwsError('GetObject', { name: 'NoBody' });
    return wholeBody(Body, ContentLength);
  }

  async head(key: string): Promise<ObjectInfo | null> {
    assertKey(key);
    const head = await this.#headOf(key);
    if (head === null) return null;
    const sha256 = sha256Schema.safeParse(head.Metadata?.[METADATA.sha256]);
    if (!sha256.success || head.ContentLength === undefined) {
      throw new Error('an object has no SHA-256 in its metadata: only this adapter may write to the bucket');
    }
    return { bytes: head.ContentLength, sha256: sha256.data };
  }

  async *list(prefix: string): AsyncGenerator<{ key: string; bytes: number; modifiedAtMs: number }> {
    assertPrefix(prefix);
    for await (const page of this.#pages(prefix)) {
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key === undefined || Size === undefined || LastModified === undefined || !isObjectKey(Key)) continue;
        yield { key: Key, bytes: Size, modifiedAtMs: LastModified.getTime() };
      }
    }
  }

  /** One CopyObject, which S3 limits to 5 GiB, as `put` does. The digest goes along. */
  async copy(from: string, to: string): Promise<void> {
    assertKey(from);
    assertKey(to);
    if (from === to) {
      if ((await this.#headOf(from)) === null) throw new ObjectNotFound();
      return; // S3 refuses this copy
    }
    await this.#client.send(new CopyObjectCommand(copyInput(this.#bucket, from, to))).catch((error: unknown) => {
      if (isErrorNamed(error, 'NoSuchKey')) throw new ObjectNotFound();
      throwAwsError('CopyObject', error);
    });
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) assertKey(key);
    for (let from = 0; from < keys.length; from += KEYS_PER_CALL_MAX) {
      await this.#delete(keys.slice(from, from + KEYS_PER_CALL_MAX));
    }
  }

  async deletePrefix(prefix: string): Promise<void> {
    assertPrefix(prefix);
    for await (const page of this.#pages(prefix)) {
      const keys = (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
      if (keys.length > 0) await this.#delete(keys);
    }
  }

  /** The link also ends when the credentials it was signed with do, which for a task's role may be sooner. */
  async signDownload(key: string, as: { fileName: string; mediaType: string; ttlMs: number }): Promise<string> {
    assertKey(key);
    const expiresIn = linkSeconds(as.ttlMs);
    const command = new GetObjectCommand(downloadInput(this.#bucket, key, as));
    return getSignedUrl(this.#client, command, { expiresIn }).catch((error: unknown) =>
      throwAwsError('GetObject', error),
    );
  }

  async #headOf(key: string): Promise<HeadObjectCommandOutput | null> {
    try {
      return await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
    } catch (error) {
      if (isErrorNamed(error, 'NotFound', 'NoSuchKey')) return null;
      return throwAwsError('HeadObject', error);
    }
  }

  async *#pages(prefix: string): AsyncGenerator<ListObjectsV2CommandOutput> {
    let next: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await this.#client
        .send(new ListObjectsV2Command(listInput(this.#bucket, prefix, next)))
        .catch((error: unknown) => throwAwsError('ListObjectsV2', error));
      yield page;
      next = page.NextContinuationToken;
    } while (next !== undefined);
  }

  async #delete(keys: readonly string[]): Promise<void> {
    const { Errors } = await this.#client
      .send(new DeleteObjectsCommand(deleteInput(this.#bucket, keys)))
      .catch((error: unknown) => throwAwsError('DeleteObjects', error));
    const [first] = Errors ?? [];
    if (first !== undefined) throw new AwsError('DeleteObjects', { name: first.Code });
  }
}

function assertKey(key: string): void {
  if (!isObjectKey(key)) throw new Error('not an object key: use lower-case parts of letters, digits, "-_." and "/"');
}

function assertPrefix(prefix: string): void {
  if (!isObjectPrefix(prefix)) throw new Error('not an object prefix: name a whole folder, ending in "/"');
}
