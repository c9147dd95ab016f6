/** Runs of the platform's child process, each on a data folder of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { removeTree } from '@bpi/model-files';
import type { Failpoint, Line, Order } from './order.ts';
import { brokenPromises, changedEnds, snapshotOf, untrueWords } from './promises.ts';
import { storyOf } from './stories.ts';

/** Between the end of one process and the next; longer than a lease, and than a message is invisible. */
const GAP_MS = 60_000;
/** Much longer than a child needs on a busy machine. */
const CHILD_WITHIN_MS = 180_000;

export type Stage = {
  /** The bundled program. */
  child: string;
  /** Holds the data folders and the compiled code. */
  root: string;
  inputPath: string;
  maskSha256: string;
};

/** The points that a story passes, in order, when nothing fails. */
export async function record(stage: Stage, story: string): Promise<string[]> {
  return onFolder(stage, async (folder) => {
    const { end } = await run(stage, { folder, story, nowMs: Date.now(), fail: null }).ended;
    if (end === null) throw new Error(`the story “${story}” does not end`);
    const broken = await promisesBroken(stage, folder, story);
    if (broken.length > 0) throw new Error(`the story “${story}” ends badly: ${broken.join('; ')}`);
    return end.points;
  });
}

/**
 * Tells a story to a failpoint, lets a fresh process take over, and a stalled one go on after that. Everything that is
 * not as promised, in sentences.
 */
export async function failAt(stage: Stage, story: string, fail: Failpoint): Promise<string[]> {
  return onFolder(stage, async (folder) => {
    const broken: string[] = [];
    const first = run(stage, { folder, story, nowMs: Date.now(), fail });
    const hit = await first.hit;
    if (hit === null) return [`the point was not hit: ${await complaintOf(first)}`];
    let nowMs = hit.nowMs;
    if (fail.mode !== 'stall') {
      const { end, killed } = await first.ended;
      if (killed !== (fail.mode === 'kill')) return [`the process ended otherwise: ${await complaintOf(first)}`];
      nowMs = end?.nowMs ?? nowMs;
    }
    const before = await snapshotOf(folder);
    broken.push(...(await untrueWords(folder, before, nowMs)));
    const second = await takeOver(stage, { folder, story, nowMs }, broken);
    const between = await snapshotOf(folder);
    broken.push(...changedEnds(before, between, second));
    if (fail.mode === 'stall') {
      first.goOn(second + GAP_MS);
      const { end } = await first.ended;
      if (end === null) return [...broken, `the stalled process broke: ${await complaintOf(first)}`];
      await takeOver(stage, { folder, story, nowMs: end.nowMs }, broken);
      broken.push(...changedEnds(between, await snapshotOf(folder), end.nowMs + GAP_MS));
    }
    return [...broken, ...(await promisesBroken(stage, folder, story))];
  });
}

/** A fresh process without failpoint; answers when it ended, by its own clock. */
async function takeOver(
  stage: Stage,
  at: Pick<Order, 'folder' | 'story' | 'nowMs'>,
  broken: string[],
): Promise<number> {
  const running = run(stage, { ...at, nowMs: at.nowMs + GAP_MS, fail: null });
  const { end, failures } = await running.ended;
  if (end === null) throw new Error(`whoever took over did not end: ${await complaintOf(running)}`);
  broken.push(...failures.map((message) => `taking over failed: ${message}`));
  return end.nowMs;
}

function promisesBroken(stage: Stage, folder: string, story: string): Promise<string[]> {
  return brokenPromises(folder, { outcomes: storyOf(story).outcomes, maskSha256: stage.maskSha256 });
}

async function onFolder<T>({ root }: Stage, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(root, 'data-'));
  try {
    return await work(folder);
  } finally {
    await removeTree(folder);
  }
}

type Ended = { end: Extract<Line, { kind: 'end' }> | null; failures: string[]; killed: boolean };
type Running = {
  /** Null if it ended without coming to its point. */
  hit: Promise<Extract<Line, { kind: 'hit' }> | null>;
  ended: Promise<Ended>;
  /** What it wrote to stderr. */
  complaint: () => string;
  goOn: (nowMs: number) => void;
};

function run({ child: program, root, inputPath }: Stage, order: Omit<Order, 'inputPath'>): Running {
  const child = spawn(process.execPath, [program, JSON.stringify({ ...order, inputPath })], {
    stdio: 'pipe',
    env: { NODE_COMPILE_CACHE: join(root, 'compiled') },
    timeout: CHILD_WITHIN_MS,
    killSignal: 'SIGABRT',
  });
  const lines: Line[] = [];
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const reader = createInterface({ input: child.stdout });
  const hit = Promise.withResolvers<Extract<Line, { kind: 'hit' }> | null>();
  reader.on('line', (text) => {
    const line = JSON.parse(text) as Line; // printed by our own child
    lines.push(line);
    if (line.kind === 'hit') hit.resolve(line);
  });
  const drained = once(reader, 'close');
  const exited = once(child, 'exit');
  const ended = (async (): Promise<Ended> => {
    const [, signal] = (await exited) as [number | null, NodeJS.Signals | null];
    await drained;
    hit.resolve(null);
    return {
      end: lines.find((line) => line.kind === 'end') ?? null,
      failures: lines.flatMap((line) => (line.kind === 'failure' ? [`${line.operation}: ${line.message}`] : [])),
      killed: signal === 'SIGKILL',
    };
  })();
  return { hit: hit.promise, ended, complaint: () => complaint, goOn: (nowMs) => child.stdin.end(`${nowMs}\n`) };
}

async function complaintOf(running: Running): Promise<string> {
  await running.ended;
  const said = running.complaint().trim().split('\n');
  return said.findLast((line) => /^\w*Error/.test(line)) ?? said.at(-1) ?? 'it said nothing';
}
