/** A stager's bench laid out as an ECS task, with an agent that says what a test tells it to. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { StagerMessage } from '@bpi/adapters-aws';
import { createLog } from '@bpi/job-contract';
import { systemClock } from '@bpi/jobs';
import type { ContainerState, TaskState } from '../task-metadata.ts';
import type { TaskStage } from '../task-stages.ts';
import type { WatchTimes } from '../task-watch.ts';
import { MANIFEST, stagerBench, type StagerBench } from './stager-bench.ts';

export const GOOD_MASK = [0, 1, 1, 3, ...Array<number>(20).fill(0)];

/** Short, so that a test takes tens of milliseconds; the deadlines are long enough never to be met by chance. */
const TIMES: WatchTimes = {
  askMs: 5,
  lookMs: 5,
  silentMsMax: 60_000,
  startDeadlineMs: 60_000,
  stopSettleMs: 5,
};

export type TaskBench = StagerBench & {
  stage: TaskStage;
  /** What the agent says; a test changes it. Null: the endpoint fails. */
  agent: { says: TaskState | null; answers: number };
  messages: StagerMessage[];
  logged: { event: string }[];
  stop: () => void;
  /** The model's part, up to its end as the agent sees it. */
  playModel: (exitCode: number | null, leaves?: { mask?: number[]; logs?: string }) => Promise<void>;
  /** Resolves when the agent was asked twice more: whoever watches has acted on what it said. */
  seen: () => Promise<void>;
};

export async function taskBench(
  changes: Parameters<typeof stagerBench>[0] & { times?: Partial<WatchTimes>; outputBytesMax?: number } = {},
): Promise<TaskBench> {
  const bench = await stagerBench({ ...changes, folders: 'volumes' });
  const agent: TaskBench['agent'] = { says: taskState({}), answers: 0 };
  const stop = new AbortController();
  const messages: StagerMessage[] = [];
  const logged: { event: string }[] = [];
  const log = createLog((line) => logged.push(JSON.parse(line)), systemClock.nowMs);
  const context = { ...bench.context, log };
  const stage: TaskStage = {
    context,
    work: bench.work,
    manifest: MANIFEST,
    watch: {
      readTask: async () => {
        agent.answers += 1;
        if (agent.says === null) throw new Error('the endpoint fails');
        return agent.says;
      },
      clock: systemClock,
      pause: async (ms, signal) => delay(ms, undefined, { signal }),
      times: { ...TIMES, ...changes.times },
    },
    send: async (message) => void messages.push(message),
    outputBytesMax: changes.outputBytesMax ?? 1_000_000,
    signal: stop.signal,
  };
  return {
    ...bench,
    context,
    stage,
    agent,
    messages,
    logged,
    stop: () => stop.abort(),
    playModel: async (exitCode, { mask, logs } = {}) => {
      if (mask !== undefined) await bench.writeMask(mask);
      if (logs !== undefined) await writeFile(bench.work.file('logs'), logs);
      agent.says = taskState({ stageIn: stopped(0), model: stopped(exitCode) });
    },
    seen: async () => {
      const before = agent.answers;
      await eventually(() => agent.answers >= before + 2);
    },
  };
}

export function taskState(changes: Partial<TaskState>): TaskState {
  return { stopping: false, stageIn: { state: 'running' }, model: { state: 'waiting' }, ...changes };
}

export function stopped(exitCode: number | null): ContainerState {
  return exitCode === null
    ? { state: 'stopped', exitCode, startedAtMs: null, endedAtMs: null }
    : { state: 'stopped', exitCode, startedAtMs: 1_000, endedAtMs: 3_000 };
}

/** Waits for a condition, with a bound. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 10_000;
  while (!(await holds())) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error('what was waited for did not come within 10 s');
    await delay(2);
  }
}
