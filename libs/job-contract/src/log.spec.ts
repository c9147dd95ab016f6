import { describe, expect, it } from '@jest/globals';
import { createLog, errorFields, LOG_EVENTS, type Log } from './log.ts';

const CANARY = 'Jane Doe 1970-01-01';

function written(use: (log: Log) => void): Record<string, unknown> {
  const lines: string[] = [];
  use(
    createLog(
      (line) => lines.push(line),
      () => 0,
    ),
  );
  expect(lines).toHaveLength(1);
  const [line = ''] = lines;
  expect(line).not.toContain('\n');
  expect(line).not.toContain(CANARY);
  return JSON.parse(line) as Record<string, unknown>; // a line of the log is an object
}

describe('the log', () => {
  it('writes the event, the time and the fields it knows', () => {
    expect(written((log) => log('job.intent', { jobId: 'j', epoch: 1, code: 'cancelled' }))).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      event: 'job.intent',
      jobId: 'j',
      epoch: 1,
      code: 'cancelled',
    });
  });

  it('drops and counts what does not have the shape of its field, in every field of text', () => {
    let tried = 0;
    for (const [event, shapes] of Object.entries(LOG_EVENTS)) {
      for (const name of Object.keys(shapes)) {
        tried += 1;
        // A caller that went around the types, as a bug would.
        const line = written((log) => (log as (event: string, fields: object) => void)(event, { [name]: CANARY }));
        expect(line['dropped']).toBe(1);
        expect(name in line).toBe(false);
      }
    }
    expect(tried).toBeGreaterThan(50);
  });

  it('names a task by its container or by its ARN', () => {
    for (const task of [
      'f3b0c44298fc',
      'arn:aws:ecs:eu-central-1:000000000000:task/bpi/6a8e2c1d4b3f4c5a9d7e0f1a2b3c4d5e',
    ])
      expect(written((log) => log('task.launched', { jobId: 'j', epoch: 1, task }))).toMatchObject({ task });
  });

  it('drops fields that the event does not have', () => {
    const fields = { jobId: 'j', patient: CANARY, note: 'word' };
    expect(written((log) => log('job.cancel', fields))).toMatchObject({ jobId: 'j', dropped: 2 });
  });

  it('tells of an error its class, its code and its frames, never its message', () => {
    class OddError extends Error {
      override readonly name = 'OddError';
      readonly code = 'E_ODD';
      readonly requestId = 'ABCDEF0123456789';
    }
    const error = new OddError(`cannot read ${CANARY}\n    at ${CANARY}`);
    const line = written((log) => log('advance.failed', { jobId: 'j', ...errorFields(error) }));
    expect(line).toMatchObject({ errorName: 'odderror', errorCode: 'e_odd', awsRequestId: 'ABCDEF0123456789' });
    expect(errorFields(error).frames.length).toBeGreaterThan(0);
    error.message = 'changed';
    expect(errorFields(error).frames).toEqual([]);
    expect(errorFields(new Error()).frames.length).toBeGreaterThan(0);
    expect(errorFields(CANARY)).toEqual({ errorName: 'unknown', frames: [] });
  });
});
