import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { S3Client } from '@aws-sdk/client-s3';
import { clientSettings } from '../testing/emulator.ts';
import { startWireServer } from '../testing/wire-server.ts';
import { S3ObjectStore } from './s3-object-store.ts';

const KEY = 'jobs/a/metadata.json';
const content = randomBytes(300_000);
const sha256 = createHash('sha256').update(content).digest('base64');

describe('answers of S3 that are not whole', () => {
  let server: Awaited<ReturnType<typeof startWireServer>>;
  let client: S3Client;
  let answer: RequestListener;
  let objects: S3ObjectStore;
  beforeEach(async () => {
    server = await startWireServer((request, response) => answer(request, response));
    client = new S3Client({ ...clientSettings(server.endpoint), forcePathStyle: true, maxAttempts: 1 });
    objects = new S3ObjectStore({ client, bucket: 'bucket', scratchDir: tmpdir() });
  });
  afterEach(async () => {
    client.destroy();
    await server.close();
  });

  // With a checksum the SDK puts a stream of its own between the connection and us.
  describe.each([
    ['with a checksum', { 'x-amz-checksum-sha256': sha256 }],
    ['without a checksum', {}],
  ])('%s', (_name, headers) => {
    it('gives back a whole body', async () => {
      answer = (_request, response) => {
        response.writeHead(200, { 'content-length': content.length, ...headers }).end(content);
      };
      expect((await buffer(await objects.get(KEY))).equals(content)).toBe(true);
    });

    it.each(['destroy', 'end'] as const)('raises when the connection is cut half-way (%s)', async (how) => {
      answer = (_request, response) => {
        response.writeHead(200, { 'content-length': content.length, ...headers });
        response.write(content.subarray(0, 100_000), () => response.socket?.[how]());
      };
      const reading = objects.get(KEY).then(buffer);
      await expect(reading).rejects.toMatchObject({ name: 'AwsError', retryable: true });
    });

    it('closes the connection when the reader goes away, read or not', async () => {
      for (const readSome of [true, false]) {
        const closed = new Promise((resolve) => {
          answer = (_request, response) => {
            response.writeHead(200, { 'content-length': content.length, ...headers });
            response.write(content.subarray(0, 100_000));
            response.once('close', resolve);
          };
        });
        const body = await objects.get(KEY);
        if (readSome) await once(body, 'readable');
        body.destroy();
        await closed;
      }
    });
  });

  it('raises when bytes differ from the checksum of the answer', async () => {
    answer = (_request, response) => {
      const other = Buffer.from(content);
      other[7] = (other[7] ?? 0) ^ 1;
      response.writeHead(200, { 'content-length': content.length, 'x-amz-checksum-sha256': sha256 }).end(other);
    };
    const reading = objects.get(KEY).then(buffer);
    await expect(reading).rejects.toMatchObject({ code: 'IncompleteBody', retryable: true });
  });

  it('raises when a part of a delete was refused', async () => {
    answer = (request, response) => {
      const listing = request.method === 'GET';
      const entry = '<Contents><Key>jobs/a/x</Key><Size>1</Size></Contents>';
      const refusal = '<Error><Key>jobs/a/x</Key><Code>InternalError</Code><Message>jobs/a/x broke</Message></Error>';
      response.end(
        listing ? `<ListBucketResult>${entry}</ListBucketResult>` : `<DeleteResult>${refusal}</DeleteResult>`,
      );
    };
    const error: unknown = await objects.deletePrefix('jobs/a/').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'AwsError', code: 'InternalError', retryable: true });
    expect(String(error)).not.toContain('jobs/a');
  });

  it('raises when a copy ends with an error inside an answer of 200', async () => {
    answer = (_request, response) => {
      response.end('<Error><Code>InternalError</Code><Message>try again</Message></Error>');
    };
    await expect(objects.copy(KEY, 'jobs/b')).rejects.toMatchObject({ name: 'AwsError', retryable: true });
  });

  it('does not take an answer without a body of XML for an empty folder', async () => {
    answer = (_request, response) => {
      response.writeHead(403).end();
    };
    await expect(objects.deletePrefix('jobs/a/')).rejects.toMatchObject({ name: 'AwsError', retryable: false });
    await expect(objects.head(KEY)).rejects.toMatchObject({ name: 'AwsError', retryable: false });
    await expect(objects.get(KEY)).rejects.toMatchObject({ name: 'AwsError', retryable: false });
  });

  it('says that an object is not of this adapter when it has no digest', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 5 }).end();
    };
    await expect(objects.head(KEY)).rejects.toThrow('only this adapter');
  });
});
