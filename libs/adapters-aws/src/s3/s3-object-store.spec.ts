import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { GetObjectTaggingCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { ObjectNotFound } from '@bpi/jobs';
import { makeBucket, type TestBucket } from '../testing/emulator.ts';
import { recordOperations } from '../testing/faulty-middleware.ts';
import { S3_OBJECT_STORE_OPERATIONS, S3ObjectStore } from './s3-object-store.ts';
import { PART_BYTES } from './spool.ts';

const KEY = 'jobs/a/output/pred_mask.npz';
const AS = { fileName: 'pred_mask.npz', mediaType: 'application/octet-stream', ttlMs: 61_999 };
const KEYS_BEYOND_A_PAGE = 1_003;

describe('S3ObjectStore', () => {
  let bucket: TestBucket;
  let client: S3Client;
  let objects: S3ObjectStore;
  beforeEach(async () => {
    bucket = await makeBucket(process.env['BPI_TEST_AWS_ENDPOINT']);
    client = bucket.connect();
    objects = new S3ObjectStore({ client, bucket: bucket.bucket, scratchDir: tmpdir() });
  });
  afterEach(async () => {
    await bucket.close();
  });

  it('sends the operations that it names, and no other', async () => {
    const sent = recordOperations(client);
    const large = Buffer.alloc(PART_BYTES + 1);
    await objects.put('jobs/small', Buffer.from('x'), { ifAbsent: true });
    await objects.put('jobs/large', large, { ifAbsent: true });
    await buffer(await objects.get('jobs/small'));
    await objects.copy('jobs/small', 'jobs/copy');
    await objects.head('jobs/small');
    await objects.deletePrefix('jobs/');
    const all = new Set([...sent, 'AbortMultipartUpload']); // which s3-writes.spec sends
    expect([...all].map((operation) => `s3:${operation}`).sort()).toEqual(S3_OBJECT_STORE_OPERATIONS);
  });

  it('keeps size and digest in a copy of an object that came in parts', async () => {
    const large = randomBytes(PART_BYTES + 1);
    await objects.put(KEY, large, { ifAbsent: true });
    await objects.copy(KEY, 'jobs/b/mask');
    expect(await objects.head('jobs/b/mask')).toEqual(await objects.head(KEY));
    expect((await buffer(await objects.get('jobs/b/mask'))).equals(large)).toBe(true);
    const across = { start: PART_BYTES - 2, end: PART_BYTES + 100 };
    expect((await buffer(await objects.get(KEY, across))).equals(large.subarray(PART_BYTES - 2))).toBe(true);
  });

  it('tags each object with its kind, and a copy with its own', async () => {
    const attempt = 'jobs/a/attempts/1/report.json';
    await objects.put('jobs/a/input/input.npz', Buffer.from('x'), { ifAbsent: true });
    await objects.put(attempt, Buffer.from('x'), { ifAbsent: true }); // the emulator takes no tags with an upload in parts
    await objects.copy(attempt, KEY);
    await objects.copy(attempt, 'probe/copy');
    const tagsOf = async (Key: string) =>
      (await client.send(new GetObjectTaggingCommand({ Bucket: bucket.bucket, Key }))).TagSet;
    expect(await tagsOf('jobs/a/input/input.npz')).toEqual([{ Key: 'kind', Value: 'input' }]);
    expect(await tagsOf(attempt)).toEqual([{ Key: 'kind', Value: 'attempt' }]);
    expect(await tagsOf(KEY)).toEqual([{ Key: 'kind', Value: 'result' }]);
    expect(await tagsOf('probe/copy')).toEqual([]);
  });

  it('takes a copy onto itself for done, if there is something', async () => {
    await expect(objects.copy(KEY, KEY)).rejects.toBeInstanceOf(ObjectNotFound);
    await objects.put(KEY, Buffer.from('x'), { ifAbsent: true });
    await objects.copy(KEY, KEY);
    expect(String(await buffer(await objects.get(KEY)))).toBe('x');
  });

  it('lists and deletes more keys than one answer holds', async () => {
    const put = async (n: number) => objects.put(`jobs/a/${n}`, Buffer.from('x'), { ifAbsent: false });
    for (let n = 0; n < KEYS_BEYOND_A_PAGE; n += 17) {
      await Promise.all(Array.from({ length: Math.min(17, KEYS_BEYOND_A_PAGE - n) }, (_, at) => put(n + at)));
    }
    const keys: string[] = [];
    for await (const { key } of objects.list('jobs/a/')) keys.push(key);
    expect(keys).toHaveLength(KEYS_BEYOND_A_PAGE);
    expect(keys).toEqual([...keys].sort());
    await objects.deletePrefix('jobs/a/');
    for await (const { key } of objects.list('jobs/a/')) throw new Error(`left ${key}`);
  });

  it('leaves keys that are none of ours out of a list, and deletes them with their folder', async () => {
    const Key = 'jobs/a/Not Ours';
    await client.send(new PutObjectCommand({ Bucket: bucket.bucket, Key, Body: 'x' }));
    for await (const { key } of objects.list('jobs/')) throw new Error(`listed ${key}`);
    await objects.deletePrefix('jobs/a/');
    await expect(client.send(new HeadObjectCommand({ Bucket: bucket.bucket, Key }))).rejects.toThrow();
  });

  it('signs a link to a download with a fixed name and type, which lasts for whole seconds', async () => {
    await objects.put(KEY, Buffer.from('mask'), { ifAbsent: true });
    const link = new URL(await objects.signDownload(KEY, AS));
    expect(Object.fromEntries(link.searchParams)).toMatchObject({
      'X-Amz-Expires': '61',
      'response-content-disposition': 'attachment; filename="pred_mask.npz"',
      'response-content-type': 'application/octet-stream',
    });
    expect([...link.searchParams.keys()].filter((name) => /checksum-(crc|sha|algo)/.test(name))).toEqual([]);
    const answer = await fetch(link);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="pred_mask.npz"');
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(await answer.text()).toBe('mask');
    expect((await fetch(String(link).replace('pred_mask.npz?', 'other.npz?'))).status).toBe(403);
  });

  it.each([
    { ...AS, fileName: 'a"b' },
    { ...AS, fileName: 'a/b' },
    { ...AS, fileName: '.hidden' },
    { ...AS, fileName: 'ä' },
    { ...AS, mediaType: 'text/html; charset=x' },
    { ...AS, ttlMs: 999 },
    { ...AS, ttlMs: 3_600_001 },
    { ...AS, ttlMs: Number.NaN },
  ])('signs no link to %j', async (as) => {
    await expect(objects.signDownload(KEY, as)).rejects.toThrow();
  });

  it('raises AwsErrors for a bucket that is not there', async () => {
    const lost = new S3ObjectStore({ client, bucket: 'absent-bucket', scratchDir: tmpdir() });
    const refused = { name: 'AwsError', code: 'NoSuchBucket', retryable: false };
    await expect(lost.get(KEY)).rejects.toMatchObject(refused);
    await expect(lost.copy(KEY, 'jobs/b')).rejects.toMatchObject(refused);
    await expect(lost.deletePrefix('jobs/')).rejects.toMatchObject(refused);
  });
});
