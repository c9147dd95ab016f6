import { describe, expect, it } from '@jest/globals';
import type { JobId } from '@bpi/job-contract';
import { parseBody, receiveInput, releaseInput, sendInput } from './job-queue-messages.ts';

const jobId = '00000000-0000-4000-8000-000000000001' as JobId; // of this pattern
const URL = 'https://queue';

describe('requests to SQS', () => {
  it.each([
    [0, 0],
    [1, 1],
    [1_000, 1],
    [899_001, 900],
    [900_000, 900],
    [3_600_000, 900],
    [-5, 0],
  ])('send a delay of %i ms as %i s, at most what SQS has', (delayMs, seconds) => {
    const job = { jobId, clientId: 'clinic', params: 'never sent' };
    expect(sendInput(URL, job, delayMs)).toEqual({
      QueueUrl: URL,
      MessageBody: `{"v":1,"jobId":"${jobId}"}`,
      MessageGroupId: 'clinic',
      DelaySeconds: seconds,
    });
  });

  it.each([
    [{ max: 3, waitMs: 0 }, 3, 0],
    [{ max: 10, waitMs: 1 }, 10, 1],
    [{ max: 11, waitMs: 19_500 }, 10, 20],
    [{ max: 500, waitMs: 600_000 }, 10, 20],
  ])('receive %j as %i messages and %i s', (ask, messages, seconds) => {
    expect(receiveInput(URL, { ...ask, visibilityTimeoutMs: 30_000 })).toEqual({
      QueueUrl: URL,
      MaxNumberOfMessages: messages,
      WaitTimeSeconds: seconds,
      VisibilityTimeout: 30,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
  });

  it.each([
    [{ delayMs: 0, heldMs: 0 }, 0],
    [{ delayMs: 1_500, heldMs: 9_000 }, 2],
    [{ delayMs: 43_200_000, heldMs: 0 }, 43_200],
    [{ delayMs: 43_200_000, heldMs: 9_500 }, 43_190],
    [{ delayMs: 90_000_000, heldMs: 0 }, 43_200],
  ])('release %j for %i s, twelve hours in all', (time, seconds) => {
    const ask = { QueueUrl: URL, ReceiptHandle: 'r', VisibilityTimeout: seconds };
    expect(releaseInput(URL, 'r', time)).toEqual(ask);
  });
});

describe('parseBody', () => {
  it('reads back what sendInput wrote, and leaves alone what a later writer adds', () => {
    expect(parseBody(sendInput(URL, { jobId, clientId: 'c' }, 0).MessageBody)).toEqual({ jobId });
    expect(parseBody(JSON.stringify({ v: 1, jobId, hint: 'later' }))).toEqual({ jobId });
  });

  it.each([
    [undefined, 'not_json'],
    ['', 'not_json'],
    ['{"v":1,', 'not_json'],
    ['null', 'unknown_version'],
    ['7', 'unknown_version'],
    ['[]', 'unknown_version'],
    [`{"jobId":"${jobId}"}`, 'unknown_version'],
    [`{"v":"1","jobId":"${jobId}"}`, 'unknown_version'],
    [`{"v":2,"jobId":"${jobId}"}`, 'unknown_version'],
    ['{"v":1}', 'not_a_job_id'],
    ['{"v":1,"jobId":7}', 'not_a_job_id'],
    ['{"v":1,"jobId":"../../etc"}', 'not_a_job_id'],
    [`{"v":1,"jobId":"${jobId.toUpperCase().replace('8', 'F')}"}`, 'not_a_job_id'],
  ])('drops %j as %s', (body, dropped) => {
    expect(parseBody(body)).toEqual({ dropped });
  });
});
