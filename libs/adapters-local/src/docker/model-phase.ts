import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LIMITS, MODEL_FILES, type ModelEnd, type StageInVerdict } from '@bpi/job-contract';
import type { Ended } from './attempt-folder.ts';
import { buildContainerOptions } from './container-options.ts';
import { goOnOrThrow, type Drive } from './drive.ts';
import { unframeLogs } from './log-frames.ts';
import type { ContainerState } from './model-container.ts';
import { exceedsLimits } from '@bpi/model-files';
import { ProgressTail } from '@bpi/model-files';
import { noteCrash, runStage, STAGE_CRASHES_MAX } from './stager-process.ts';
import { TaskRunnerError } from './task-runner-error.ts';
import { weightsOf } from './weights.ts';

const START_TRIES_MAX = 3;
const ENGINE_RETRY_MS = 500;
/** Exit codes of a container that the engine took down, or lost: SIGKILL, SIGTERM, "died while I was away". */
const ENGINE_EXITS: readonly number[] = [137, 143, 255];

export type ModelPhase = { kind: 'ended'; end: ModelEnd } | { kind: 'over'; ended: Ended };

const LOST: ModelPhase = { kind: 'over', ended: { cause: 'unknown', exitCode: null } };

/** Stage-in and the model container, from whatever is there already to the note of how the model ended. */
export async function runModel(drive: Drive): Promise<ModelPhase> {
  for (let tries = 0; tries < START_TRIES_MAX; tries += 1) {
    const found = await drive.container.inspect();
    if (found !== null && found.startedAtMs !== null) {
      // It ended while nobody watched, so nobody knows whether the engine was there.
      if (!found.running) drive.engine.lost = true;
      return watchModel(drive, found.id);
    }
    // The gate is closed once the model was seen ended: its container was taken away before that could be noted.
    if (!(await drive.folder.gateIsOpen())) return LOST;
    const ready = await prepare(drive);
    if (ready.kind !== 'ready') return ready;
    await goOnOrThrow(drive);
    const result = await drive.container.start(ready.id);
    if (result === 'started') {
      drive.context.emit({ kind: 'changed', ...drive.folder.id });
      return watchModel(drive, ready.id);
    }
    if (result === 'device_unavailable' || result === 'image_unavailable') return notStarted(drive, result);
    await goOnOrThrow(drive); // it may have vanished because of a stop
  }
  return notStarted(drive, 'not_started');
}

/** The container is created while the inputs are still on their way: it starts tens of milliseconds earlier. */
async function prepare(drive: Drive): Promise<{ kind: 'ready'; id: string } | ModelPhase> {
  const [created, verdict] = await Promise.allSettled([createContainer(drive), stageIn(drive)]);
  if (verdict.status === 'rejected') throw verdict.reason;
  if (verdict.value === null) {
    await drive.container.removeUnlessRunning();
    return LOST;
  }
  if (verdict.value.result === 'failed') return notStarted(drive, 'not_started');
  if (created.status === 'rejected') throw created.reason;
  return created.value === null ? notStarted(drive, 'image_unavailable') : { kind: 'ready', id: created.value.id };
}

async function createContainer(drive: Drive): Promise<{ id: string } | null> {
  const { context, folder, manifest, task } = drive;
  if (manifest === null) return null;
  const host = await context.hostFacts();
  await goOnOrThrow(drive);
  return drive.container.ensureCreated(
    buildContainerOptions({
      attempt: folder.id,
      image: task.image_digest ?? manifest.image,
      resources: manifest.resources,
      host,
      platform: context.settings.platform,
      user: context.settings.containerUser,
      outputBytesMax: context.settings.outputBytesMax,
      mounts: { inputs: folder.throughGate('inputs'), outputs: folder.throughGate('outputs') },
      weights: await weightsOf(manifest, context.weightsRoot),
    }),
  );
}

/** Null when the stage crashed too often. */
async function stageIn(drive: Drive): Promise<StageInVerdict | null> {
  const { context, folder, signal } = drive;
  for (;;) {
    const verdict = await folder.stageIn();
    if (verdict !== null) return verdict;
    const { crashes, pid } = await folder.stagerNote();
    if (crashes['stage-in'] >= STAGE_CRASHES_MAX) return null;
    await goOnOrThrow(drive);
    await runStage(context, folder, 'stage-in', signal);
    const after = await folder.stagerNote();
    const saidDone = pid === null && after.crashes['stage-in'] === crashes['stage-in'];
    if (saidDone && (await folder.stageIn()) === null) await noteCrash(folder, 'stage-in');
  }
}

type NeverRan = Extract<ModelEnd['cause'], 'image_unavailable' | 'device_unavailable' | 'not_started'>;

async function notStarted(drive: Drive, cause: NeverRan): Promise<ModelPhase> {
  await drive.container.removeUnlessRunning();
  await drive.folder.closeGate();
  const end = await drive.folder.endModel({ cause, exit_code: null, started_at_ms: null, ended_at_ms: null });
  return { kind: 'ended', end };
}

async function watchModel(drive: Drive, id: string): Promise<ModelPhase> {
  for (;;) {
    const ended = new AbortController();
    const looking = lookRepeatedly(drive, ended.signal);
    try {
      await waitForEnd(drive, id);
    } finally {
      ended.abort();
      await looking;
    }
    await goOnOrThrow(drive);
    // In this order: once the gate is closed, a container that is seen ended cannot be started again.
    await drive.folder.closeGate();
    const state = await drive.container.inspect();
    if (state === null) return LOST;
    if (!state.running) return concludeModel(drive, state);
  }
}

/** The engine may go away and come back while a container runs on, or take it down. */
async function waitForEnd(drive: Drive, id: string): Promise<void> {
  for (;;) {
    try {
      await drive.container.wait(id, drive.signal);
      return;
    } catch (error) {
      drive.signal.throwIfAborted();
      if (!(error instanceof TaskRunnerError)) throw error;
      drive.engine.lost = true;
      await delay(ENGINE_RETRY_MS, undefined, { signal: drive.signal });
    }
  }
}

/** While the model runs: its progress, what it wrote, and whether somebody wants it to end. Never rejects. */
async function lookRepeatedly(drive: Drive, ended: AbortSignal): Promise<void> {
  const { context, folder } = drive;
  const { outputBytesMax, pollIntervalMs, stopGraceMs } = context.settings;
  const steps = drive.manifest?.progress_steps ?? [];
  const tail = new ProgressTail(join(folder.file('outputs'), MODEL_FILES.progress), steps, LIMITS.progressBytesMax);
  const signal = AbortSignal.any([ended, drive.signal]);
  while (!signal.aborted) {
    await delay(pollIntervalMs, undefined, { signal }).catch(() => undefined); // ended: one last look
    const progress = await tail.read();
    if (progress !== null) context.emit({ kind: 'progress', ...folder.id, ...progress, atMs: null });
    if (signal.aborted) return;
    try {
      if (await folder.stopWanted()) await drive.container.stop(stopGraceMs);
      else if (await exceedsLimits(folder.file('outputs'), outputBytesMax)) await drive.container.kill();
    } catch {
      // The engine or the disk fails in passing: the next look does it again, and the wait notices by itself.
    }
  }
}

async function concludeModel(drive: Drive, state: ContainerState): Promise<ModelPhase> {
  const { context, folder } = drive;
  const [tooLarge] = await Promise.all([
    exceedsLimits(folder.file('outputs'), context.settings.outputBytesMax),
    captureLogs(drive, state.id),
  ]);
  const cause = tooLarge ? 'output_too_large' : state.oomKilled && state.exitCode !== 0 ? 'out_of_memory' : 'exited';
  if (cause === 'exited' && drive.engine.lost && ENGINE_EXITS.includes(state.exitCode)) {
    return { kind: 'over', ended: { cause: 'interrupted', exitCode: state.exitCode } };
  }
  const end = await folder.endModel({
    cause,
    exit_code: state.exitCode,
    started_at_ms: state.startedAtMs,
    ended_at_ms: state.endedAtMs,
  });
  return { kind: 'ended', end };
}

async function captureLogs({ context, container, folder }: Drive, id: string): Promise<void> {
  const logs = unframeLogs(await container.framedLogs(id), context.settings.logBytesMax);
  const part = `${folder.file('logs')}.part`;
  await writeFile(part, logs, { mode: 0o600 });
  await rename(part, folder.file('logs'));
}
