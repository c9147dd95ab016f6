import { tmpdir } from 'node:os';
import { S3Client } from '@aws-sdk/client-s3';
import { readText } from '@bpi/jobs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { callLimits } from './aws-clients.ts';
import { S3ObjectStore } from './s3/s3-object-store.ts';
import { startWireServer } from './testing/wire-server.ts';

const ANSWER_MS = 200;

describe('a service that falls silent', () => {
  let server: Awaited<ReturnType<typeof startWireServer>>;
  let client: S3Client;
  /** Of an answer that announces 8 bytes; null: not even headers. */
  let sent: string | null;
  beforeEach(async () => {
    server = await startWireServer((_, answer) => {
      if (sent !== null) answer.writeHead(200, { 'content-length': 8 }).write(sent);
    });
    client = new S3Client({
      endpoint: server.endpoint,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      forcePathStyle: true,
      ...callLimits({ answerMs: ANSWER_MS, triesMax: 1 }),
    });
  });
  afterEach(async () => {
    client.destroy();
    await server.close();
  });

  it.each([null, '', 'half'])('is not waited for longer than its limit, after %j', async (text) => {
    sent = text;
    const objects = new S3ObjectStore({ client, bucket: 'jobs', scratchDir: tmpdir() });
    const reading = readText(objects, 'jobs/a/report.json', 1_000);
    await expect(reading).rejects.toMatchObject({ name: 'AwsError', retryable: true });
  });
});
