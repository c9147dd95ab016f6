import type { StopCause } from '@bpi/jobs';
import type { EcsContainer } from './ecs-task.ts';

/** Why a container never ran. `passing`: the network or the registry was busy, so another attempt may do better. */
export type StartTrouble = Extract<StopCause, 'image_unavailable' | 'device_unavailable'> | 'passing';

/** The agent's word at the beginning of a reason, for a container that did not come to run. */
const NEVER_STARTED =
  /^(CannotPull\w*|ImageNotFound\w*|CannotStartContainer\w*|CannotCreateContainer\w*|ResourceInitialization\w*)/;
const PULLED = /^(CannotPull|ImageNotFound)/;
/** What the agent says in place of an exit code, for a container whose dependency cannot be met any more. */
const DEPENDENCY = /dependency graph|container ordering dependency/i;
const OUT_OF_MEMORY = /^OutOfMemoryError/;

/** Words of the engine and of registries for troubles that pass; looked for before the lasting ones. */
const PASSING =
  /timeout|timed out|deadline exceeded|cancell?ed|connection (refused|reset)|no such host|no route|unreachable|too ?many ?requests|unexpected EOF|no space left|50[0234] /i;
const IMAGE_LACKS =
  /not found|not exist|manifest unknown|no such image|no matching manifest|no match for platform|invalid reference|denied|unauthorized|not authorized|no basic auth|forbidden/i;
/** The image has no such program, or one for another machine. */
const PROGRAM_LACKS = /executable file not found|exec format error|exec: ".*": (stat|permission)/i;
/** Words of the engine, its device interface and NVIDIA's hook. */
const DEVICE_LACKS = /nvidia|device driver|no such device|unresolvable CDI device/i;

/** Why this container did not start, or null if it ran, may still run, or waits for another one in vain. */
export function startTroubleOf({ lastStatus, reason }: EcsContainer): StartTrouble | null {
  if (lastStatus !== 'STOPPED' || reason === null || DEPENDENCY.test(reason) || !NEVER_STARTED.test(reason))
    return null;
  if (DEVICE_LACKS.test(reason) && !PULLED.test(reason)) return 'device_unavailable';
  if (PASSING.test(reason)) return 'passing';
  return IMAGE_LACKS.test(reason) || PROGRAM_LACKS.test(reason) ? 'image_unavailable' : 'passing';
}

/** The container's own exit code; null if it never ran, also where the agent made one up, or if it was not told. */
export function exitCodeOf(container: EcsContainer): number | null {
  const { reason, exitCode } = container;
  if (reason !== null && DEPENDENCY.test(reason)) return null;
  return startTroubleOf(container) === null ? exitCode : null;
}

/** It runs, or it ran. */
export function hasRun(container: EcsContainer): boolean {
  if (container.lastStatus === 'RUNNING') return true;
  if (container.lastStatus !== 'STOPPED' || startTroubleOf(container) !== null) return false;
  return exitCodeOf(container) !== null || (container.runtimeId !== null && !DEPENDENCY.test(container.reason ?? ''));
}

/** The kernel's memory limit hit it, and it did not get over that. */
export function ranOutOfMemory({ reason, exitCode }: EcsContainer): boolean {
  return reason !== null && OUT_OF_MEMORY.test(reason) && exitCode !== 0;
}
