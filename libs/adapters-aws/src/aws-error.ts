/** Throttling as the services name it; the list of the SDK (`@smithy/core`, service-error-classification). */
const THROTTLING_CODES = [
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
];
const TIMEOUT_CODES = ['TimeoutError', 'RequestTimeout', 'RequestTimeoutException'];
const NETWORK_CODES = [
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_STREAM_PREMATURE_CLOSE',
];
/** Two writes of one item at once: the rival is done within moments. */
const CONFLICT_CODES = ['ReplicatedWriteConflictException', 'TransactionConflictException'];
/** Ours: the body of an answer ended early or does not match its checksum. */
export const INCOMPLETE_BODY = 'IncompleteBody';
/** In the lists of failed items inside an answer of 200, where no status tells. */
const SERVER_CODES = ['InternalError', 'InternalFailure', 'InternalServerError', 'ServiceUnavailable'];
const TRANSIENT_CODES: readonly string[] = [
  ...THROTTLING_CODES,
  ...TIMEOUT_CODES,
  ...NETWORK_CODES,
  ...CONFLICT_CODES,
  ...SERVER_CODES,
  INCOMPLETE_BODY,
];
const TRANSIENT_STATUSES: readonly number[] = [429, 500, 502, 503, 504];
/** Credentials come from the task's role; there is nothing else to check. */
const ACCESS_CODES: readonly string[] = [
  'AccessDenied',
  'AccessDeniedException',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
];
const MISSING_CODES: readonly string[] = [
  'ClusterNotFoundException',
  'NoSuchBucket',
  'QueueDoesNotExist',
  'ResourceNotFoundException',
];
/** What Node and the SDK call an error that has no name of its own; its `code` or status says more. */
const VAGUE_NAMES: readonly string[] = ['AggregateError', 'Error', 'Unknown', 'UnknownError', ''];
/** A name comes out of an answer's body, so it is not taken as it is. */
const codePattern = /^[A-Za-z][A-Za-z0-9_.]{0,63}$/;
const requestIdPattern = /^[A-Za-z0-9_=+/-]{1,128}$/;

/**
 * An AWS call that did not do what was asked. It keeps the names of things and drops the SDK's error itself: that one
 * holds the answer, and an answer may repeat what a client sent.
 */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  /** The service's own name of the error (`AccessDenied`), or Node's (`ECONNRESET`). */
  readonly code: string;
  /** The same call may succeed later. After a time-out it may also have succeeded already. */
  readonly retryable: boolean;
  /** What AWS support asks for; null if no answer came. */
  readonly requestId: string | null;

  /** @param operation the SDK command without its ending, such as `PutObject`. */
  constructor(operation: string, cause: unknown) {
    const code = awsErrorCode(cause);
    const retryable = isTransient(cause);
    super(`${operation} failed (${code}): ${whatToDo(code, awsErrorStatus(cause), retryable)}`);
    this.code = code;
    this.retryable = retryable;
    this.requestId = requestIdOf(cause);
  }
}

/** Raises what an SDK call raised in our own words. */
export function throwAwsError(operation: string, error: unknown): never {
  if (error instanceof AwsError) throw error;
  throw new AwsError(operation, error);
}

/** Whether an error, of the SDK or wrapped, has one of the names that the service's documentation gives. */
export function isErrorNamed(error: unknown, ...names: readonly string[]): boolean {
  return names.includes(awsErrorCode(error));
}

/** Throttling, an answer of 5xx, a time-out or a broken connection: the same call may be made again. */
export function isTransient(error: unknown): boolean {
  if (error instanceof AwsError) return error.retryable;
  const code = awsErrorCode(error);
  if (code === 'AbortError') return false;
  return (
    TRANSIENT_CODES.includes(code) ||
    TRANSIENT_CODES.includes(textOf(error, 'code')) ||
    TRANSIENT_STATUSES.includes(awsErrorStatus(error) ?? 0)
  );
}

/** The HTTP status of the answer, or null if there was none. */
export function awsErrorStatus(error: unknown): number | null {
  const status = propertyOf(propertyOf(error, '$metadata'), 'httpStatusCode');
  return typeof status === 'number' ? status : null;
}

function awsErrorCode(error: unknown): string {
  if (error instanceof AwsError) return error.code;
  const name = textOf(error, 'name');
  const code = VAGUE_NAMES.includes(name) ? textOf(error, 'code') : name;
  if (codePattern.test(code)) return code;
  const status = awsErrorStatus(error);
  return status === null ? 'Unknown' : `Http${status}`;
}

function requestIdOf(error: unknown): string | null {
  if (error instanceof AwsError) return error.requestId;
  const requestId = textOf(propertyOf(error, '$metadata'), 'requestId');
  return requestIdPattern.test(requestId) ? requestId : null;
}

function whatToDo(code: string, status: number | null, retryable: boolean): string {
  if (retryable) return 'the service or the network is busy or broken, so call again later';
  if (MISSING_CODES.includes(code)) return 'nothing has the configured name, so check the name and the region';
  if (ACCESS_CODES.includes(code) || status === 401 || status === 403) {
    return "the request was not allowed, so check the policies of this task's role and of the resource";
  }
  return "the request was refused, so look the code up in the service's documentation and check the settings";
}

function textOf(value: unknown, name: string): string {
  const text = propertyOf(value, name);
  return typeof text === 'string' ? text : '';
}

/** Asks for the property and not for the class: the SDK's errors may come from another copy of its classes. */
function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
