import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { seededRandom } from '../testing/faulty-middleware.ts';
import { OBJECT_BYTES_MAX, PART_BYTES, spool, type Spooled } from './spool.ts';

const seed = Date.now() % 2 ** 31;
process.stdout.write(`adapters-aws spool.spec: seed ${seed}\n`);
const random = seededRandom(seed);
const content = randomBytes(2 * PART_BYTES + 5);

describe('spool', () => {
  let scratchDir: string;
  let asked: number;
  beforeEach(async () => {
    scratchDir = await mkdtemp(join(tmpdir(), 'bpi-spool-'));
    asked = 0;
  });
  afterEach(async () => {
    expect(await readdir(scratchDir)).toEqual([]);
    await rm(scratchDir, { recursive: true });
  });

  const spoolOf = (body: Readable | Uint8Array, goOn = true) =>
    spool(body, {
      scratchDir,
      goOnWhenLarge: async () => {
        asked += 1;
        return goOn;
      },
    });

  it.each([0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 2 * PART_BYTES + 5])(
    `knows digests and parts of %i bytes, and gives them back, again and again (seed ${seed})`,
    async (bytes) => {
      const body = content.subarray(0, bytes);
      for (const source of [body, Readable.from(randomPieces(body)), Readable.from([body])]) {
        asked = 0;
        const spooled = await spoolOf(source);
        await expectHolds(spooled, body);
        await expectHolds(spooled, body);
        await spooled?.close();
        await spooled?.close();
        expect(asked).toBe(bytes > PART_BYTES ? 1 : 0);
        if (source instanceof Readable) expect(source.destroyed).toBe(true);
      }
    },
  );

  it('takes text for the bytes it is in UTF-8', async () => {
    await expectHolds(await spoolOf(Readable.from(['ä', Buffer.from('b')])), Buffer.from('äb'));
  });

  it('reads no further when a large body is not wanted', async () => {
    let pulled = 0;
    const body = Readable.from(
      (function* () {
        for (let at = 0; at < 100; at += 1) {
          pulled += 1;
          yield content.subarray(0, 1024 * 1024);
        }
      })(),
      { highWaterMark: 1 },
    );
    expect(await spoolOf(body, false)).toBeNull();
    expect(body.destroyed).toBe(true);
    expect(pulled).toBeLessThan(20);
    expect(await spoolOf(content, false)).toBeNull();
  });

  it('raises what broke the body, and lets go of the scratch file', async () => {
    const body = Readable.from(
      (function* () {
        yield content;
        throw new Error('the body broke');
      })(),
    );
    await expect(spoolOf(body)).rejects.toThrow('the body broke');
  });

  it('refuses a body that was cut off after its first part', async () => {
    const body = new Readable({ read() {} });
    body.push(content);
    const spooling = spoolOf(body);
    body.destroy();
    await expect(spooling).rejects.toThrow();
  });

  it('refuses what S3 could not copy', async () => {
    const tooLarge = new Uint8Array(OBJECT_BYTES_MAX + 1); // the system gives no page that nobody touches
    await expect(spoolOf(tooLarge)).rejects.toThrow('5 GiB');
    await expect(spoolOf(Readable.from([tooLarge]))).rejects.toThrow('5 GiB');
  });

  it('says so when it is read after it was closed', async () => {
    const spooled = await spoolOf(Readable.from([content]));
    await spooled?.close();
    await expect(readAll(spooled)).rejects.toThrow('closed');
  });
});

async function expectHolds(spooled: Spooled | null, body: Buffer): Promise<void> {
  expect(spooled).toMatchObject({ bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') });
  let end = 0;
  for (const [index, part] of (spooled?.parts ?? []).entries()) {
    expect(part).toMatchObject({ number: index + 1, start: end });
    const bytes = body.subarray(part.start, part.start + part.bytes);
    expect(part.sha256).toBe(createHash('sha256').update(bytes).digest('base64'));
    end += part.bytes;
    if (end < body.length) expect(part.bytes).toBe(PART_BYTES);
  }
  expect(end).toBe(body.length);
  expect((await readAll(spooled)).equals(body)).toBe(true);
}

async function readAll(spooled: Spooled | null): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (const part of spooled?.parts ?? []) parts.push(await spooled!.read(part)); // it has parts, so it is there
  return Buffer.concat(parts);
}

function* randomPieces(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length;) {
    const bytes = 1 + Math.floor(random() * 3_000_000);
    yield body.subarray(at, at + bytes);
    at += bytes;
  }
}
