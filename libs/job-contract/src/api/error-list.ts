import { FAILURE_CODES, FAILURE_MESSAGES, FAILURES, type FailureCode, type Fault } from '../outcomes.ts';
import { PROBLEM_CODES, PROBLEMS } from '../problems.ts';

/** What is told about a code wherever codes are listed. */
export type ErrorEntry = { code: string; fault: Fault; retryable: boolean; whatToDo: string };

/** Refused requests: `code` of a problem. */
export const REFUSED_REQUESTS: readonly (ErrorEntry & { status: number })[] = PROBLEM_CODES.map((code) => {
  const { status, fault, retryable, title } = PROBLEMS[code];
  return { code, status, fault, retryable, whatToDo: title };
});

/** What the platform does by itself before a job ends with the code. */
const BEFORE: Readonly<Record<(typeof FAILURES)[FailureCode]['then'], string>> = {
  fail: 'nothing',
  retry: 'tries again, until a budget or a deadline is spent',
  'retry-smaller': 'tries once more with smaller settings, if the model has any',
};

/** Failed jobs: `error.code` of a status. */
export const FAILED_JOBS: readonly (ErrorEntry & { before: string })[] = FAILURE_CODES.map((code) => {
  const { fault, retryable, then } = FAILURES[code];
  return { code, fault, retryable, whatToDo: FAILURE_MESSAGES[code], before: BEFORE[then] };
});
