import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { AwsError } from '../aws-error.ts';
import { makeBucket, type TestBucket } from '../testing/emulator.ts';
import {
  addFaults,
  randomFaults,
  recordOperations,
  scriptOf,
  seededRandom,
  type Fault,
  type FaultPlan,
} from '../testing/faulty-middleware.ts';
import { S3ObjectStore } from './s3-object-store.ts';
import { PART_BYTES, spool } from './spool.ts';
import { writeObject } from './write-object.ts';

const KEY = 'jobs/a/attempts/1/output/pred_mask.npz';
const RACES = 25;
const small = randomBytes(1_000);
const large = randomBytes(2 * PART_BYTES + 5);
const conflict: Fault = { refused: 'ConditionalRequestConflict', status: 409 };

const seed = Date.now() % 2 ** 31;
process.stdout.write(`adapters-aws s3-writes.spec: seed ${seed}\n`);

describe('writes to S3 that go wrong', () => {
  let bucket: TestBucket;
  let healthy: S3ObjectStore;
  beforeEach(async () => {
    bucket = await makeBucket(process.env['BPI_TEST_AWS_ENDPOINT']);
    healthy = open().objects;
  });
  afterEach(async () => {
    expect(await bucket.openUploads()).toBe(0);
    await bucket.close();
  });

  /** A store with faults, and what it sends. */
  function open(plan: FaultPlan = scriptOf({}), settings = { maxAttempts: 3 }) {
    const client = bucket.connect(settings);
    const sent = recordOperations(client);
    addFaults(client, plan);
    const options = { client, bucket: bucket.bucket, scratchDir: tmpdir(), conflictPauseMs: 1 };
    return { objects: new S3ObjectStore(options), sent, client };
  }

  const ifAbsent = { ifAbsent: true };
  const content = async (key = KEY) => buffer(await healthy.get(key));
  const count = (sent: readonly string[], operation: string) => sent.filter((name) => name === operation).length;

  describe.each([
    ['one request', 'PutObject'],
    ['parts', 'CompleteMultipartUpload'],
  ])('in %s', (_how, last) => {
    const body = last === 'PutObject' ? small : large;

    it('knows its own write again when the answer was lost and the SDK sent it twice', async () => {
      const { objects } = open(scriptOf({ [last]: ['lost_answer'] }));
      expect(await objects.put(KEY, Readable.from([body]), ifAbsent)).toEqual({ kind: 'stored', ...infoOf(body) });
      expect((await content()).equals(body)).toBe(true);
      expect(await healthy.head(KEY)).toEqual(infoOf(body));
    });

    it.each([true, false])('reads back when every answer was lost (ifAbsent: %s)', async (only) => {
      const { objects } = open(scriptOf({ [last]: ['lost_answer'] }), { maxAttempts: 1 });
      expect(await objects.put(KEY, body, { ifAbsent: only })).toEqual({ kind: 'stored', ...infoOf(body) });
      expect(await healthy.head(KEY)).toEqual(infoOf(body));
    });

    it("leaves another's object that came first, though our answers were lost", async () => {
      const { objects } = open(async (operation) => {
        if (operation !== last) return null;
        await healthy.put(KEY, Buffer.from('theirs'), { ifAbsent: true });
        return null;
      });
      expect(await objects.put(KEY, body, ifAbsent)).toEqual({ kind: 'exists' });
      expect(String(await content())).toBe('theirs');
    });

    it('does not call it taken while it cannot tell whose object lies there', async () => {
      const { objects } = open(
        async (operation) => {
          if (operation === last) await healthy.put(KEY, Buffer.from('theirs'), { ifAbsent: true });
          return operation === 'HeadObject' && (await healthy.head(KEY)) !== null ? 'server_error' : null;
        },
        { maxAttempts: 1 },
      );
      const putting = objects.put(KEY, body, ifAbsent);
      await expect(putting).rejects.toMatchObject({ name: 'AwsError', code: 'InternalError', retryable: true });
    });

    it('writes again after a conflict with another conditional write', async () => {
      const { objects } = open(scriptOf({ [last]: [conflict, conflict] }));
      expect(await objects.put(KEY, body, ifAbsent)).toEqual({ kind: 'stored', ...infoOf(body) });
      expect((await content()).equals(body)).toBe(true);
    });

    it('gives up a conflict that does not end', async () => {
      const { objects, sent } = open((operation) => (operation === last ? conflict : null));
      const putting = objects.put(KEY, body, ifAbsent);
      await expect(putting).rejects.toMatchObject({ name: 'AwsError', code: 'ConditionalRequestConflict' });
      expect(count(sent, last)).toBe(5);
      expect(await healthy.head(KEY)).toBeNull();
    });

    it('raises what S3 refuses, once', async () => {
      const { objects, sent } = open(scriptOf({ [last]: [{ refused: 'AccessDenied', status: 403 }] }));
      const putting = objects.put(KEY, body, ifAbsent);
      await expect(putting).rejects.toMatchObject({ name: 'AwsError', code: 'AccessDenied', retryable: false });
      expect(count(sent, last)).toBe(1);
      expect(await healthy.head(KEY)).toBeNull();
    });

    it('leaves it to the SDK to try again what was throttled or broke', async () => {
      const { objects } = open(scriptOf({ [last]: ['throttled', 'not_sent'] }));
      expect(await objects.put(KEY, body, ifAbsent)).toEqual({ kind: 'stored', ...infoOf(body) });
    });
  });

  it('sends all parts again after a conflict at the end', async () => {
    const { objects, sent } = open(scriptOf({ CompleteMultipartUpload: [conflict] }));
    await objects.put(KEY, large, ifAbsent);
    expect(count(sent, 'CreateMultipartUpload')).toBe(2);
    expect(count(sent, 'UploadPart')).toBe(6);
  });

  it('leaves no part behind when one cannot be sent', async () => {
    let parts = 0;
    const { objects, sent } = open((operation) => {
      if (operation === 'UploadPart') parts += 1;
      return operation === 'UploadPart' && parts > 1 ? 'server_error' : null;
    });
    const putting = objects.put(KEY, Readable.from([large]), ifAbsent);
    await expect(putting).rejects.toMatchObject({ name: 'AwsError', code: 'InternalError', retryable: true });
    expect(sent).toContain('AbortMultipartUpload');
    expect(sent).not.toContain('CompleteMultipartUpload');
    expect(await healthy.head(KEY)).toBeNull();
  });

  it('tells the first error when the abort fails too', async () => {
    const plan = scriptOf({
      UploadPart: [{ refused: 'AccessDenied', status: 403 }],
      AbortMultipartUpload: [{ refused: 'TooBad', status: 400 }],
    });
    await expect(open(plan).objects.put(KEY, large, ifAbsent)).rejects.toMatchObject({ code: 'AccessDenied' });
    expect(await bucket.openUploads()).toBe(1);
    await bucket.abortUploads();
  });

  it('sends nothing of a large body whose key is taken, and nothing of one that breaks', async () => {
    await healthy.put(KEY, small, ifAbsent);
    const { objects, sent } = open();
    const body = Readable.from([large]);
    expect(await objects.put(KEY, body, ifAbsent)).toEqual({ kind: 'exists' });
    expect(await objects.put(KEY, large, ifAbsent)).toEqual({ kind: 'exists' });
    expect(sent).toEqual(['HeadObject', 'HeadObject']);
    const broken = Readable.from(
      (function* () {
        yield large;
        throw new Error('the body broke');
      })(),
    );
    await expect(objects.put(KEY, broken, { ifAbsent: false })).rejects.toThrow('the body broke');
    expect(sent).toHaveLength(2);
    expect((await content()).equals(small)).toBe(true);
  });

  it.each(['small', 'large'])('has S3 refuse bytes of a %s body that are not those of the digest', async (size) => {
    const body = size === 'small' ? small : large;
    const source = await spool(body, { scratchDir: tmpdir(), goOnWhenLarge: async () => true });
    if (source === null) throw new Error('the body was wanted');
    const read = async () => Buffer.alloc(source.parts[0]?.bytes ?? 0);
    const parts = source.parts.slice(0, 2).map((part) => ({ ...part, bytes: source.parts[0]?.bytes ?? 0 }));
    const write = { bucket: bucket.bucket, key: KEY, source: { ...source, parts, read }, writeId: 'w', ifAbsent: true };
    await expect(writeObject(open().client, write, 1)).rejects.toMatchObject({ name: 'AwsError' });
    expect(await healthy.head(KEY)).toBeNull();
  });

  it(`stores one of two racing writes, whatever breaks (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    let stored = 0;
    for (let round = 0; round < RACES; round += 1) {
      const key = `jobs/${randomUUID()}`;
      const bodies = [randomBytes(50), randomBytes(60)];
      const results = await Promise.allSettled(
        bodies.map((body) => {
          const faults = randomFaults(Math.floor(random() * 2 ** 31), 0.4);
          return open(faults, { maxAttempts: 2 }).objects.put(key, body, ifAbsent);
        }),
      );
      const winners = results.flatMap((result, n) =>
        result.status === 'fulfilled' && result.value.kind === 'stored' ? [n] : [],
      );
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ name: 'AwsError', retryable: true });
      }
      expect(winners.length).toBeLessThanOrEqual(1);
      stored += winners.length;
      if (winners.length === 1) expect(await healthy.head(key)).toEqual(infoOf(bodies[winners[0] ?? -1] ?? small));
      const exists = results.some((result) => result.status === 'fulfilled' && result.value.kind === 'exists');
      if (exists) expect(await healthy.head(key)).not.toBeNull();
    }
    expect(stored).toBeGreaterThan(RACES / 4);
  });

  it('raises an AwsError that names neither bucket nor key', async () => {
    const { client } = open();
    const lost = new S3ObjectStore({ client, bucket: 'no-such-bucket-here', scratchDir: tmpdir() });
    const error: unknown = await lost.put(KEY, small, ifAbsent).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AwsError);
    expect(error).toMatchObject({ code: 'NoSuchBucket', retryable: false });
    expect(String(error)).not.toMatch(/no-such-bucket-here|pred_mask/);
  });
});

function infoOf(body: Buffer): { bytes: number; sha256: string } {
  return { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
}
