import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readCatalogue } from '@bpi/model-files';
import type { Mask } from '@bpi/volumes';
import { parseArguments } from './arguments.ts';
import { diceOf, isSameMask, meanDice } from './dice.ts';
import { failureOf } from './model-failure.ts';
import { pinWeights, readManifest } from './model-folder.ts';
import { labelTable, runLines } from './report.ts';
import { readRunMetrics } from './run-metrics.ts';
import { checkWeights } from './weights-file.ts';

const repoRoot = join(import.meta.dirname, '../../..');
const modelsDir = join(repoRoot, 'apps/models');
const DIGEST = 'ab'.repeat(32);
const never = new AbortController().signal;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verify-parts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the arguments', () => {
  it('take the golden case beside the weights, on a processor, twice, and pin nothing', () => {
    expect(parseArguments(['biomedparse', '--weights', 'w'], '/home/a')).toEqual({
      model: 'biomedparse',
      weightsDir: '/home/a/w',
      casePath: '/home/a/w/golden/input.npz',
      referencePath: '/home/a/w/golden/reference.npz',
      device: 'cpu',
      runs: 2,
      pin: false,
    });
  });

  it('name another case, a GPU, one run, and the pin', () => {
    const argv = ['m', '--weights', '/w', '--case', 'c.npz', '--reference', '/r.npz', '--gpu', '--once', '--pin'];
    expect(parseArguments(argv, '/home/a')).toMatchObject({
      casePath: '/home/a/c.npz',
      referencePath: '/r.npz',
      device: 'gpu',
      runs: 1,
      pin: true,
    });
  });

  it.each([
    ['Name one model', ['--weights', 'w']],
    ['Name one model', ['a', 'b', '--weights', 'w']],
    ['not a path', ['../a', '--weights', 'w']],
    ['where the weights are', ['a']],
    ['belong together', ['a', '--weights', 'w', '--case', 'c']],
    ['no such option', ['a', '--weights', 'w', '--gold']],
  ])('are refused: %s', (message, argv) => {
    expect(() => parseArguments(argv, '/')).toThrow(message);
  });
});

describe('the Dice', () => {
  const mask = (data: number[]): Mask => ({
    shape: [1, 1, data.length],
    data: Uint8Array.from(data),
    labels: [...new Set(data)]
      .filter((id) => id !== 0)
      .map((id) => {
        const none = [0, 0, 0] as const;
        return {
          id,
          voxels: data.filter((other) => other === id).length,
          bbox: { min: none, max: none },
          centroid: none,
        };
      }),
  });
  const reference = mask([1, 1, 1, 2, 2, 0, 0, 5]);

  it('counts each label by itself', () => {
    const labels = diceOf(mask([1, 1, 2, 2, 0, 0, 3, 0]), reference, [1, 2, 3, 4]);
    expect(labels).toEqual([
      { id: 1, voxels: 2, referenceVoxels: 3, dice: 4 / 5 },
      { id: 2, voxels: 2, referenceVoxels: 2, dice: 1 / 2 },
      { id: 3, voxels: 1, referenceVoxels: 0, dice: 0 },
      { id: 4, voxels: 0, referenceVoxels: 0, dice: null },
    ]);
    expect(meanDice(labels)).toBeCloseTo(0.65);
    expect(meanDice(labels.slice(2))).toBeNull();
  });

  it('of a label that was not found is 0, and counts', () => {
    const labels = diceOf(mask([1, 1, 1, 0, 0, 0, 0, 0]), reference, [1, 2]);
    expect(meanDice(labels)).toBe(0.5);
  });

  it('is beside the question where two runs must agree in every voxel', () => {
    expect([isSameMask(reference, reference), isSameMask(reference, mask([1, 1, 1, 2, 2, 0, 0, 0]))]).toEqual([
      true,
      false,
    ]);
  });
});

describe('a failure of the model', () => {
  const resources = {
    gpu: 'required',
    gpu_memory_mib: 14_336,
    memory_mib: 900,
    cpus: 1,
    shm_mib: 1,
    pids: 9,
    tmp_mib: 1,
  };
  const manifest = { resources: { ...resources, gpu: 'required' as const } };
  const said = (exitCode: number, log: string, oomKilled = false) => failureOf({ exitCode, oomKilled, log }, manifest);
  const last = (code: number, reason: string) => `noise\n${JSON.stringify({ code, reason })}\n`;

  it.each([
    [10, 'imgs_range', 'refuses the case (imgs_range)'],
    [11, 'out_of_memory', 'more than 14336 MiB'],
    [12, 'weights_missing', 'may not enter their folder'],
    [12, 'weights_keys_mismatch', 'another network'],
    [12, 'tokenizer_missing', 'build it again'],
    [12, 'something_new', 'see its README'],
    [13, 'device_unavailable', 'nvidia-smi'],
  ])('%d (%s) says what to do', (code, reason, words) => {
    expect(said(code, last(code, reason))).toContain(words);
  });

  it.each([12, 13])('%d shows the end of its log, where the details are', (code) => {
    const log = `weights: 2 keys missing: ['a', 'b']\n${JSON.stringify({ code, reason: 'weights_keys_mismatch' })}\n`;
    expect(said(code, log)).toContain("2 keys missing: ['a', 'b']");
  });

  it('at the memory limit is told from others', () => {
    expect(said(137, '', true)).toContain('900 MiB: raise resources.memory_mib');
  });

  it('that nobody expected shows the end of its log', () => {
    expect(said(1, 'Traceback\nKeyError at\n  line 3\n')).toMatch(/ended with 1 \(no reason given\)[^]*line 3$/);
  });
});

describe('the manifest', () => {
  it('is pinned without any other change', async () => {
    const text = await readFile(join(modelsDir, 'biomedparse/stand-in/model.json'), 'utf8');
    await writeFile(join(folder, 'model.json'), text);
    await pinWeights(folder, { file: 'untrained.ckpt', sha256: DIGEST });
    const pinned = await readFile(join(folder, 'model.json'), 'utf8');
    expect(pinned).toBe(
      text.replace(
        '"weights": { "file": "untrained.ckpt", "sha256": null }',
        `"weights": {\n    "file": "untrained.ckpt",\n    "sha256": "${DIGEST}"\n  }`,
      ),
    );
    expect((await readManifest(folder)).weights).toEqual({ file: 'untrained.ckpt', sha256: DIGEST });
  });

  it('of BiomedParse has all that a verification needs', async () => {
    expect((await readManifest(join(modelsDir, 'biomedparse'))).golden.dice_min).toBeGreaterThan(0.5);
  });

  it('that names no weights is none for this command', async () => {
    await expect(readManifest(join(modelsDir, 'brain-mri'))).rejects.toThrow('names no weights');
  });

  it('of the stand-in is in no catalogue', async () => {
    const names = (await readCatalogue([modelsDir])).map(({ name }) => name);
    expect(names).toEqual(['biomedparse', 'brain-mri']);
  });
});

describe('the weights', () => {
  it('are hashed while somebody watches', async () => {
    await writeFile(join(folder, 'w.ckpt'), Buffer.alloc(9 * 1024 * 1024));
    const told: string[] = [];
    const watch = { log: (line: string) => told.push(line), signal: never };
    const { sha256, verdict } = await checkWeights(folder, { file: 'w.ckpt', sha256: null }, watch);
    expect([sha256.length, verdict]).toEqual([64, 'not pinned']);
    expect(told.at(-1)).toBe('weights: 100 % of 9 MiB hashed');
    await expect(checkWeights(folder, { file: 'w.ckpt', sha256 }, watch)).resolves.toMatchObject({ verdict: 'pinned' });
    await expect(checkWeights(folder, { file: 'w.ckpt', sha256: DIGEST }, watch)).rejects.toThrow('download that one');
  });
});

describe('the report', () => {
  it('reads what the model measured, and nothing that is no file of its kind', async () => {
    const path = join(folder, 'metrics.json');
    expect(await readRunMetrics(path)).toBeNull();
    await writeFile(path, '{"prompts": 1}');
    expect(await readRunMetrics(path)).toBeNull();
    await writeFile(
      path,
      JSON.stringify({
        prompts: [{ id: 3, existence_score: 0.25, voxels: 7 }],
        seconds: { load: 1.26, segment: 3 },
        peak_memory_mib: { host: 812, device: 9_000 },
        device: 'cuda',
        device_name: 'Some GPU',
        slice_batch_size: 2,
        slice_batch_size_asked: 4,
        out_of_memory_count: 1,
        versions: { torch: '2.6.0' },
        more: 'of it',
      }),
    );
    const metrics = await readRunMetrics(path);
    expect(runLines(metrics, 5.04)).toEqual([
      'Time: load 1.3 s, segment 3.0 s, 5.0 s in all.',
      'Memory at most: host 812 MiB, device 9000 MiB.',
      'Device: Some GPU.',
      'Slices at a time: 2 of 4 asked; memory ran out 1 times.',
      'Versions: torch 2.6.0.',
    ]);
    const rows = labelTable([{ id: 3, voxels: 7, referenceVoxels: 9, dice: 0.5 }], metrics);
    expect(rows[1]?.trim().split(/ +/)).toEqual(['3', '0.250', '7', '9', '0.5000']);
  });

  it('does without', () => {
    expect(runLines(null, 1)).toHaveLength(1);
    expect(labelTable([{ id: 3, voxels: 0, referenceVoxels: 0, dice: null }], null)[1]).toMatch(/3 +– +0 +0 +–$/);
  });
});
