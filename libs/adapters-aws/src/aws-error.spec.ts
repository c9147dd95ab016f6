import { describe, expect, it } from '@jest/globals';
import { AwsError, awsErrorStatus, isErrorNamed, isTransient, throwAwsError } from './aws-error.ts';

const SECRET = 'text prompt of a client';

/** As the SDK makes them: a name, what was answered, and a message that may quote the request. */
function sdkError(name: string, httpStatusCode: number, requestId = 'ABC123='): Error {
  const error = new Error(SECRET);
  return Object.assign(error, { name, $metadata: { httpStatusCode, requestId }, Item: SECRET, $response: SECRET });
}

describe('AwsError', () => {
  it.each([
    [sdkError('AccessDenied', 403), 'AccessDenied', false, 'policies'],
    [sdkError('NoSuchBucket', 404), 'NoSuchBucket', false, 'name and the region'],
    [sdkError('ValidationException', 400), 'ValidationException', false, 'check the settings'],
    [sdkError('SlowDown', 503), 'SlowDown', true, 'call again'],
    [sdkError('ThrottlingException', 400), 'ThrottlingException', true, 'call again'],
    [sdkError('InternalError', 500), 'InternalError', true, 'call again'],
    [sdkError('UnknownError', 502), 'Http502', true, 'call again'],
    [sdkError('Unknown', 403), 'Http403', false, 'policies'],
    [Object.assign(new Error(SECRET), { name: 'TimeoutError' }), 'TimeoutError', true, 'call again'],
    [Object.assign(new Error(SECRET), { code: 'ECONNRESET' }), 'ECONNRESET', true, 'call again'],
    [Object.assign(new AggregateError([], SECRET), { code: 'ECONNREFUSED' }), 'ECONNREFUSED', true, 'call again'],
    [Object.assign(new Error(SECRET), { name: 'CredentialsProviderError' }), 'CredentialsProviderError', false, 'role'],
    [Object.assign(new Error(SECRET), { name: 'AbortError' }), 'AbortError', false, 'refused'],
    [sdkError('<script>', 400), 'Http400', false, 'check the settings'],
    [sdkError('x'.repeat(65), 599), 'Http599', false, 'check the settings'],
    [SECRET, 'Unknown', false, 'check the settings'],
    [null, 'Unknown', false, 'check the settings'],
  ])('tells the name of %s and what to do, and nothing that was sent', (cause, code, retryable, advice) => {
    const error = new AwsError('PutObject', cause);
    expect(error).toMatchObject({ name: 'AwsError', code, retryable });
    expect(error.message).toContain(`PutObject failed (${code}): `);
    expect(error.message).toContain(advice);
    expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(SECRET);
    expect(isTransient(cause)).toBe(retryable);
    expect(isTransient(error)).toBe(retryable);
  });

  it('keeps the request id for support, if it looks like one', () => {
    expect(new AwsError('PutObject', sdkError('AccessDenied', 403)).requestId).toBe('ABC123=');
    expect(new AwsError('PutObject', sdkError('AccessDenied', 403, SECRET)).requestId).toBeNull();
    expect(new AwsError('PutObject', new Error()).requestId).toBeNull();
  });

  it('is not wrapped twice', () => {
    const error = new AwsError('HeadObject', sdkError('SlowDown', 503));
    expect(() => throwAwsError('PutObject', error)).toThrow(error);
    expect(() => throwAwsError('PutObject', sdkError('SlowDown', 503))).toThrow('PutObject failed (SlowDown)');
  });

  it('answers for an error by its name, wrapped or not', () => {
    const error = sdkError('NoSuchKey', 404);
    for (const one of [error, new AwsError('GetObject', error)]) {
      expect(isErrorNamed(one, 'NotFound', 'NoSuchKey')).toBe(true);
      expect(isErrorNamed(one, 'NotFound')).toBe(false);
    }
    expect(awsErrorStatus(error)).toBe(404);
    expect(awsErrorStatus(new Error())).toBeNull();
  });
});
