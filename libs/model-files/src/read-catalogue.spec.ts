import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCatalogue } from './read-catalogue.ts';

const DEPTH = { type: 'integer', min: 1, max: 4, default: 2 };

const MANIFEST = {
  schema_version: 1,
  name: 'echo-model',
  version: '1.0.0',
  title: 'Echo',
  description: 'Returns what it was given.',
  licence: 'none',
  intended_use: 'Tests.',
  evidence: 'None: it exists in tests only.',
  image: 'bpi/echo-model:1.0.0',
  input: { formats: ['npz'], dtypes: ['uint8'], intensity: { min: 0, max: 255, distinct_min: 1 } },
  prompts: 'optional',
  fixed_labels: null,
  params: { depth: DEPTH },
  progress_steps: ['predict'],
  resources: { gpu: 'none', gpu_memory_mib: 0, memory_mib: 64, cpus: 1, shm_mib: 8, pids: 16, tmp_mib: 8 },
  attempt_timeout_s: 10,
  smaller_settings: { depth: 1 },
  golden: null,
};

describe('readCatalogue', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bpi-models-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function put(name: string, text: string): Promise<void> {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, 'model.json'), text);
  }

  it('reads every model.json, folders by name, and passes by folders without one', async () => {
    await put('b', JSON.stringify({ ...MANIFEST, name: 'second' }));
    await put('a', JSON.stringify(MANIFEST));
    await mkdir(join(folder, 'not-a-model'));
    await writeFile(join(folder, 'README.md'), 'models');
    expect((await readCatalogue([folder])).map(({ name }) => name)).toEqual(['echo-model', 'second']);
    // Two models of one name are for Catalogue to refuse.
    expect(await readCatalogue([folder, folder])).toHaveLength(4);
  });

  it.each([
    ['is not JSON', '{'],
    ['attempt_timeout_s', JSON.stringify({ ...MANIFEST, attempt_timeout_s: 0 })],
    ['resources.gpu', JSON.stringify({ ...MANIFEST, resources: { ...MANIFEST.resources, gpu: 'maybe' } })],
    ['(whole file)', JSON.stringify({ ...MANIFEST, colour: 'red' })],
    ['params.depth', JSON.stringify({ ...MANIFEST, params: { depth: { ...DEPTH, default: 9 } } })],
    ['smaller_settings.depth', JSON.stringify({ ...MANIFEST, smaller_settings: { depth: 0 } })],
    ['larger than', JSON.stringify({ ...MANIFEST, description: 'x'.repeat(300_000) })],
  ])('names file and field of a fault: %s', async (field, text) => {
    await put('a', text);
    const reading = readCatalogue([folder]);
    await expect(reading).rejects.toMatchObject({ name: 'CatalogueError', code: 'manifest_invalid' });
    await expect(reading).rejects.toThrow(join(folder, 'a', 'model.json'));
    await expect(reading).rejects.toThrow(field);
  });

  it('says that a models folder is missing', async () => {
    await expect(readCatalogue([join(folder, 'none')])).rejects.toMatchObject({ code: 'folder_missing' });
  });
});
