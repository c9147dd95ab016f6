import { setTimeout as delay } from 'node:timers/promises';
import { errorFields, reportKey, type ModelEnd } from '@bpi/job-contract';
import type { AttemptFolder, Ended } from './attempt-folder.ts';
import { goOnOrThrow, StopWanted, type Drive, type DriveContext } from './drive.ts';
import { DriverLease } from './driver-lease.ts';
import { ModelContainer } from './model-container.ts';
import { runModel } from './model-phase.ts';
import { noteCrash, runStage, signalStager, stagerIsAlive, STAGE_CRASHES_MAX } from './stager-process.ts';
import { TaskRunnerError } from './task-runner-error.ts';

const STANDBY_MS = 1_000;
const RETRY_MS = { first: 250, max: 5_000 } as const;
const STAGER_POLL_MS = 25;

/**
 * Brings one attempt to its end, from wherever it stands: the folder and the engine hold all there is to know.
 * While somebody else drives it, stands by and takes over should that worker die. Rejects only for the signal.
 */
export async function lookAfter(context: DriveContext, folder: AttemptFolder, signal: AbortSignal): Promise<void> {
  let retryMs: number = RETRY_MS.first;
  const engine = { lost: false };
  while (await folder.isAtWork()) {
    const lease = await DriverLease.take(folder, context.clock);
    if (lease === null) {
      await delay(STANDBY_MS, undefined, { signal });
      continue;
    }
    try {
      await driveAttempt(context, folder, engine, AbortSignal.any([signal, lease.lost]));
    } catch (error) {
      signal.throwIfAborted();
      // The next drive must know: how the container ended meanwhile may be the engine's doing.
      if (error instanceof TaskRunnerError) engine.lost = true;
      if (!lease.lost.aborted) {
        context.log('loop.failed', { loop: 'driver', ...errorFields(error) });
        await delay(retryMs, undefined, { signal });
        retryMs = Math.min(RETRY_MS.max, retryMs * 2);
      }
    } finally {
      await lease.release();
    }
  }
  context.emit({ kind: 'changed', ...folder.id });
}

async function driveAttempt(
  context: DriveContext,
  folder: AttemptFolder,
  engine: Drive['engine'],
  signal: AbortSignal,
): Promise<void> {
  const task = await folder.task();
  if (task === null) return;
  const drive: Drive = {
    context,
    folder,
    container: new ModelContainer(context.docker, folder),
    task,
    manifest: context.catalogue.findVersion(task.model),
    signal,
    engine,
  };
  try {
    await goOnOrThrow(drive);
    const known = await folder.modelEnd();
    const model = known === null ? await runModel(drive) : { kind: 'ended' as const, end: known };
    await folder.end(model.kind === 'over' ? model.ended : await stageOut(drive, model.end));
  } catch (error) {
    if (!(error instanceof StopWanted)) throw error;
    await endStopped(drive);
  }
}

async function stageOut(drive: Drive, end: ModelEnd): Promise<Ended> {
  const { context, folder, signal } = drive;
  const key = reportKey(folder.id.jobId, folder.id.epoch);
  for (;;) {
    if ((await context.objects.head(key)) !== null) return endedOf(end);
    const { crashes, pid } = await folder.stagerNote();
    if (crashes['stage-out'] >= STAGE_CRASHES_MAX) return { cause: 'unknown', exitCode: end.exit_code };
    await goOnOrThrow(drive);
    await runStage(context, folder, 'stage-out', signal);
    const after = await folder.stagerNote();
    const saidDone = pid === null && after.crashes['stage-out'] === crashes['stage-out'];
    if (saidDone && (await context.objects.head(key)) === null) await noteCrash(folder, 'stage-out');
  }
}

/** The port's words. What the runner ended for its size exited, as far as the port knows; the report tells why. */
function endedOf(end: ModelEnd): Ended {
  switch (end.cause) {
    case 'exited':
    case 'output_too_large':
      return { cause: 'exited', exitCode: end.exit_code };
    case 'out_of_memory':
    case 'image_unavailable':
    case 'device_unavailable':
      return { cause: end.cause, exitCode: end.exit_code };
    case 'not_started':
      return { cause: 'unknown', exitCode: null };
  }
}

async function endStopped({ context, container, folder, signal }: Drive): Promise<void> {
  await signalStager(folder, 'SIGTERM');
  for (;;) {
    await container.stop(context.settings.stopGraceMs);
    if ((await settleStopped(folder, container)) !== null) return;
    await delay(STAGER_POLL_MS, undefined, { signal });
  }
}

/**
 * The end of an attempt that somebody wants to end, or null while its container or its stager lives. A container
 * that was created and never ran is taken away: whoever still means to start it knows it by an id that is gone, and
 * whoever creates another one looks for the marker before starting it.
 */
export async function settleStopped(folder: AttemptFolder, container: ModelContainer): Promise<Ended | null> {
  const state = await container.inspect();
  if (state?.running === true) return null;
  if (state !== null && state.startedAtMs === null && !(await container.removeUnlessRunning())) return null;
  if (await stagerIsAlive(folder)) return null;
  await folder.closeGate();
  const exitCode = state === null || state.startedAtMs === null ? null : state.exitCode;
  const ended: Ended = { cause: 'stop_requested', exitCode };
  return (await folder.task()) === null ? ended : folder.end(ended);
}
