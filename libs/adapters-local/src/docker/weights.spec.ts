import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { weightsOf } from './weights.ts';

const MODEL = { name: 'three-d', weights: { file: 'three-d.ckpt', sha256: null } };

describe('the weights of a model', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'bpi-weights-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  it('lie in a folder of its name', async () => {
    await mkdir(join(root, 'three-d'));
    expect(await weightsOf(MODEL, root)).toEqual({ ...MODEL.weights, folder: join(root, 'three-d') });
  });

  it('lie nowhere while there is no such folder, whatever else has its name', async () => {
    expect(await weightsOf(MODEL, join(root, 'none'))).toEqual({ ...MODEL.weights, folder: null });
    await writeFile(join(root, 'three-d'), 'no folder');
    expect(await weightsOf(MODEL, root)).toEqual({ ...MODEL.weights, folder: null });
    expect(await weightsOf(MODEL, null)).toEqual({ ...MODEL.weights, folder: null });
  });

  it('are none where the manifest names none, also if there is a folder', async () => {
    await mkdir(join(root, 'three-d'));
    expect(await weightsOf({ ...MODEL, weights: null }, root)).toBeNull();
  });
});
