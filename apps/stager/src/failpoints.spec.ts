/**
 * Before and after every side effect the process is killed, gets an error (after the effect: it was done, and an error is
 * returned), or stalls for longer than every lease and time-out, while a fresh process takes over, and then goes on.
 * Afterwards everything is as promised: see `promises.ts`.
 */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { removeTree } from '@bpi/model-files';
import { writeMaskNpz } from '@bpi/volumes';
import { build } from 'esbuild';
import { EFFECTS } from './testing/failpoints/effects.ts';
import { oracle } from './testing/failpoints/machine.ts';
import type { Failpoint, Mode } from './testing/failpoints/order.ts';
import { sha256Of } from './testing/failpoints/promises.ts';
import { failAt, record, type Stage } from './testing/failpoints/runs.ts';
import { STORIES } from './testing/failpoints/stories.ts';
import { inputArchive } from './testing/stager-bench.ts';

const CHILD = fileURLToPath(new URL('./testing/failpoints/main-platform-child.ts', import.meta.url));
const MODES: readonly Mode[] = ['kill', 'throw', 'stall'];
const SIDES = ['before', 'after'] as const;
/** A machine that is busy with other things takes several times as long as a free one. */
const ALL_WITHIN_MS = 20 * 60 * 1_000;
/** A child waits for its disk, and its parent for it, for more than half of the time. */
const LANES = 2 * availableParallelism();
/** Every point in every story that comes to it, instead of in one per mode. */
const IS_LONG = process.env['BPI_TEST_LONG'] === '1';

const effects = Object.entries(EFFECTS).flatMap(([part, names]) => names.map((effect) => ({ part, effect })));

describe('a failure at any side effect', () => {
  let root: string;
  /** The stories that come to a point, by point. */
  const storiesByPoint = new Map<string, string[]>();
  const runs: (Failpoint & { story: string; broken: string[] })[] = [];

  beforeAll(async () => {
    const startedMs = performance.now();
    root = await mkdtemp(join(tmpdir(), 'bpi-failpoints-'));
    const stage = await setStage(root);
    const stories = Object.keys(STORIES);
    await inLanes(stories, async (story) => {
      const points = new Set(await record(stage, story));
      for (const point of points) storiesByPoint.set(point, [...(storiesByPoint.get(point) ?? []), story].sort());
    });
    await inLanes(plannedRuns(storiesByPoint), async ({ story, point, mode }) => {
      const broken = await failAt(stage, story, { point, mode });
      runs.push({ story, point, mode, broken });
    });
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
    process.stdout.write(`failpoints: ${storiesByPoint.size} points, ${runs.length} runs, ${seconds} s\n`);
  }, ALL_WITHIN_MS);
  afterAll(() => removeTree(root));

  it('is tried at every side effect there is, and each of them is come to', () => {
    const expected = effects.flatMap(({ effect }) => SIDES.map((side) => `${effect}:${side}`));
    expect([...storiesByPoint.keys()].sort()).toEqual(expected.sort());
  });

  it.each(effects)('keeps every promise: $part, $effect', ({ effect }) => {
    const own = runs.filter(({ point }) => SIDES.some((side) => point === `${effect}:${side}`));
    const tried = new Set(own.map(({ point, mode }) => `${point} ${mode}`));
    expect(tried.size).toBe(SIDES.length * MODES.length);
    expect(own.filter(({ broken }) => broken.length > 0)).toEqual([]);
  });
});

/** Each mode of a point in another story, as far as there are so many. */
function plannedRuns(storiesByPoint: ReadonlyMap<string, readonly string[]>): (Failpoint & { story: string })[] {
  return [...storiesByPoint].flatMap(([point, stories]) =>
    MODES.flatMap((mode, n) => {
      const one = stories[n % stories.length];
      return (IS_LONG || one === undefined ? stories : [one]).map((story) => ({ point, mode, story }));
    }),
  );
}

/** Bundled: a child then starts in a fraction of the time. */
async function setStage(root: string): Promise<Stage> {
  const child = join(root, 'platform-child.mjs');
  await build({
    entryPoints: [CHILD],
    outfile: child,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const inputPath = join(root, 'input.npz');
  const input = await inputArchive(root);
  await writeFile(inputPath, input);
  const maskPath = join(root, 'mask.npz');
  await writeMaskNpz(maskPath, oracle(input));
  return { child, root, inputPath, maskSha256: sha256Of(await readFile(maskPath)) };
}

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
