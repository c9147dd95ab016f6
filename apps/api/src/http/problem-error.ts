import { PROBLEMS, problemType, type Fault, type FailureCode, type Problem, type ProblemCode } from '@bpi/job-contract';

export type ProblemDetails = {
  /** Extra response headers, such as Retry-After. */
  headers?: Readonly<Record<string, string>>;
  /** Names of the model's own params that are at fault. */
  fields?: readonly string[];
  jobError?: { code: FailureCode; fault: Fault; message: string };
  cause?: unknown;
};

/** An expected refusal of a request: one code of the closed list, never a word of the client's. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly details: ProblemDetails;

  constructor(code: ProblemCode, details: ProblemDetails = {}) {
    super(PROBLEMS[code].title, 'cause' in details ? { cause: details.cause } : {});
    this.code = code;
    this.details = details;
  }
}

/** The body for an error (RFC 9457), with our request id as its instance. */
export function problemBody(error: ProblemError, requestId: string): Problem {
  const { status, title, fault, retryable } = PROBLEMS[error.code];
  const { fields, jobError } = error.details;
  return {
    type: problemType(error.code),
    title,
    status,
    code: error.code,
    fault,
    retryable,
    instance: requestId,
    ...(fields === undefined || fields.length === 0 ? {} : { fields: [...fields] }),
    ...(jobError === undefined ? {} : { job_error: jobError }),
  };
}
