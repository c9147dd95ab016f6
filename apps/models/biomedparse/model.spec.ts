import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8');
const readJson = async (path: string): Promise<Record<string, unknown>> => JSON.parse(await read(path));

type DeclaredParam = { default: unknown; max?: number; values?: string[] };

describe('the model biomedparse', () => {
  it('is the version that its image says, around the commit that its label names', async () => {
    const dockerfile = await read('./Dockerfile');
    const { version, image } = await readJson('./model.json');
    expect(dockerfile).toContain(`org.opencontainers.image.version="${String(version)}"`);
    expect(image).toBe(`bpi/biomedparse:${String(version)}`);
    expect(dockerfile).toMatch(/^ARG UPSTREAM_COMMIT=[0-9a-f]{40}$/m);
  });

  it('runs offline, on the GPU’s compute side, reproducibly, as nobody, and says what it is not for', async () => {
    const last = (await read('./Dockerfile')).split(/^FROM /m).at(-1);
    const settings = ['HF_HUB_OFFLINE=1', 'TRANSFORMERS_OFFLINE=1', 'NVIDIA_DRIVER_CAPABILITIES=compute,utility'];
    const words = [...settings, 'CUBLAS_WORKSPACE_CONFIG=:4096:8', 'USER 65532:65532', 'Not for clinical use.'];
    for (const word of words) expect(last).toContain(word);
  });

  it('takes the params that it declares, with the same defaults and limits', async () => {
    const source = await read('./segment/params.py');
    const fields = [...source.matchAll(/^ {4}(\w+): \w+ = (.+)$/gm)].map(([, name, value]) => [
      name,
      pythonValue(value),
    ]);
    const declared = (await readJson('./model.json'))['params'] as Record<string, DeclaredParam>;
    expect(Object.fromEntries(fields)).toEqual(
      Object.fromEntries(Object.entries(declared).map(([name, param]) => [name, param.default])),
    );
    expect(source).toContain(`SLICE_BATCH_SIZE_MAX = ${declared['slice_batch_size']?.max}`);
    expect(2 ** 31 - 1).toBe(declared['seed']?.max);
    expect(source).toContain(`AXES = (${declared['axis']?.values?.map((axis) => `"${axis}"`).join(', ')})`);
  });

  it('has each package of its image pinned by a hash', async () => {
    const lines = (await read('./requirements.txt')).split('\n');
    const packages = lines.filter((line) => /^[a-z]/i.test(line));
    expect(packages.length).toBeGreaterThan(30);
    expect(packages.filter((line) => !/^[\w.-]+==[\w.+-]+ \\$/.test(line))).toEqual([]);
    expect(lines.filter((line) => /--hash=sha256:[0-9a-f]{64}/.test(line)).length).toBeGreaterThanOrEqual(
      packages.length,
    );
  });

  it('shares with its stand-in what a client may ask for, and nothing that could be taken for it', async () => {
    const [model, standIn] = [await readJson('./model.json'), await readJson('./stand-in/model.json')];
    for (const same of ['input', 'prompts', 'progress_steps']) expect(standIn[same]).toEqual(model[same]);
    // All but the words about them.
    expect(model['params']).toMatchObject(standIn['params'] as object);
    expect(Object.keys(standIn['params'] as object)).toEqual(Object.keys(model['params'] as object));
    expect(standIn).toMatchObject({ title: expect.stringContaining('NOT BiomedParse'), name: 'untrained-stand-in' });
    expect(standIn['image']).not.toBe(model['image']);
  });
});

function pythonValue(text: string | undefined): unknown {
  return JSON.parse((text ?? '').replace('False', 'false').replace('True', 'true'));
}
