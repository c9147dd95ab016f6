/**
 * What an attempt can come to, whose fault it was, and what follows.
 * One table: runners and stagers report facts, `classify` in libs/jobs picks a row, `decide` acts on it.
 */
export const FAULTS = ['user', 'model', 'capacity', 'platform'] as const;
export type Fault = (typeof FAULTS)[number];

/**
 * `then`: what the platform does by itself. `retryable`: for a client that reads it as the job's end, whether submitting
 * the same again may succeed without anybody mending anything first.
 */
export const FAILURES = {
  invalid_input: { fault: 'user', then: 'fail', retryable: false },
  model_error: { fault: 'model', then: 'fail', retryable: false },
  out_of_memory: { fault: 'model', then: 'retry-smaller', retryable: false },
  invalid_output: { fault: 'model', then: 'fail', retryable: false },
  attempt_timeout: { fault: 'model', then: 'fail', retryable: false },
  capacity_interrupted: { fault: 'capacity', then: 'retry', retryable: true },
  capacity_unavailable: { fault: 'capacity', then: 'retry', retryable: true },
  model_unavailable: { fault: 'platform', then: 'fail', retryable: false },
  platform_error: { fault: 'platform', then: 'retry', retryable: true },
  cancelled: { fault: 'user', then: 'fail', retryable: false },
  deadline_exceeded: { fault: 'capacity', then: 'fail', retryable: true },
} as const satisfies Record<string, { fault: Fault; then: 'fail' | 'retry' | 'retry-smaller'; retryable: boolean }>;

export type FailureCode = keyof typeof FAILURES;

/** The codes as a tuple, for schemas. */
export const FAILURE_CODES = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]]; // keys of a literal, order kept

export function faultOf(code: FailureCode): Fault {
  return FAILURES[code].fault;
}

/** What a client reads in `error.message`: what happened and what to do, the same words for every job. */
export const FAILURE_MESSAGES: Record<FailureCode, string> = {
  invalid_input: 'The model refused the volume. Check that it is the kind of image this model was made for.',
  model_error: 'The model stopped with an error. Its log may say why; report it to the owner of the model.',
  out_of_memory: 'The model ran out of memory, also with its smallest setting. Send a smaller volume.',
  invalid_output: 'The model did not write a valid mask for this volume. Report it to the owner of the model.',
  attempt_timeout: 'The model took longer than its time limit. Send a smaller volume or a faster setting.',
  capacity_interrupted: 'The machine was taken away too often. Submit the job again.',
  capacity_unavailable: 'No machine could be had in time. Submit the job again later.',
  model_unavailable: 'The model cannot run here at present (image, weights or device missing). Tell the operator.',
  platform_error:
    'The platform failed repeatedly while running the job. Submit it again; tell the operator if it recurs.',
  cancelled: 'The job was cancelled on request: there is nothing to mend.',
  deadline_exceeded: 'The job did not start or end before its deadline. Submit it again later.',
};

/** Exit codes a model image may use (design: a model image); anything else is an error of the model. */
export const MODEL_EXIT = {
  done: 0,
  inputRejected: 10,
  outOfMemory: 11,
  weightsMissing: 12,
  deviceMissing: 13,
} as const;

/** How a container ended, in our words. `killed` = SIGKILL by someone who was not the memory limit. */
export type ContainerEnd = { exitCode: number; oomKilled: boolean };

const SIGKILL_EXIT = 128 + 9;
const SIGTERM_EXIT = 128 + 15;

/**
 * The failure an ended model container stands for, or null if it ended well.
 * 137 happens for the memory limit and for any other SIGKILL: the flag tells them apart.
 */
export function failureOfExit(end: ContainerEnd): FailureCode | null {
  if (end.oomKilled) return 'out_of_memory';
  switch (end.exitCode) {
    case MODEL_EXIT.done:
      return null;
    case MODEL_EXIT.inputRejected:
      return 'invalid_input';
    case MODEL_EXIT.outOfMemory:
      return 'out_of_memory';
    case MODEL_EXIT.weightsMissing:
    case MODEL_EXIT.deviceMissing:
      return 'model_unavailable';
    case SIGKILL_EXIT:
    case SIGTERM_EXIT:
      return 'platform_error';
    default:
      return 'model_error';
  }
}
