export type TaskRunnerErrorCode =
  /** Nobody answers on the engine's socket. */
  | 'engine_unreachable'
  /** The engine answered, with an error that says nothing about the task. */
  | 'engine_failed';

/** The runner cannot tell or do what was asked. Nothing is lost: the same call may be repeated. */
export class TaskRunnerError extends Error {
  override readonly name = 'TaskRunnerError';
  readonly code: TaskRunnerErrorCode;

  constructor(code: TaskRunnerErrorCode, options?: { cause: unknown }) {
    super(
      code === 'engine_unreachable'
        ? 'No Docker engine answers. Start it, or check the socket and the permission to use it.'
        : 'The Docker engine answered with an error. Look at its own log; the call may be repeated.',
      options,
    );
    this.code = code;
  }
}

/** The HTTP status of an engine's answer, or null for an error that is none (no connection, aborted). */
export function engineStatus(error: unknown): number | null {
  if (!(error instanceof Error) || !('statusCode' in error)) return null;
  return typeof error.statusCode === 'number' ? error.statusCode : null;
}

/** Raises what an engine call raised in the port's own words. */
export function throwEngineError(error: unknown): never {
  if (error instanceof TaskRunnerError) throw error;
  throw new TaskRunnerError(engineStatus(error) === null ? 'engine_unreachable' : 'engine_failed', { cause: error });
}
