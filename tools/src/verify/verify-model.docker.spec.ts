/** The whole verification with the untrained stand-in: what it once made of a volume is the reference. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { modelManifestSchema, type ModelManifest } from '@bpi/job-contract';
import Dockerode from 'dockerode';
import { STAND_IN_IMAGE } from '../testing/stand-in.ts';
import { verifyModel, type VerifyOptions } from './verify-model.ts';

const repoRoot = join(import.meta.dirname, '../../..');
const MANIFEST = join(repoRoot, 'apps/models/biomedparse/stand-in/model.json');
const WEIGHTS_FILE = 'untrained.ckpt';
const MAKE_WEIGHTS = '/opt/stand-in/make_weights.py';
const RUN_TIMEOUT_MS = 60_000;
const DERIVED = 'bpi/verify-derived';
/** Python: from the kernel, whatever the seed. */
const RANDOM_NUMBER = '(0.2 + int.from_bytes(__import__("os").urandom(6), "big") / 2**45)';

/** A volume with blocks, and prompts of which one is never found. Run in the image, which has NumPy. */
const MAKE_CASE = `
import numpy as np
volume = np.zeros((6, 50, 70), np.uint8)
volume[1:5, 10:30, 10:40] = 200
volume[2:6, 25:45, 30:60] += 40
prompts = np.array({"2": "the bright ball", "4": "the dark block", "9": "an absent ball", "instance_label": 0}, dtype=object)
np.savez("/made/case.npz", imgs=volume, text_prompts=prompts)
prompts[()]["instance_label"] = 1
np.savez("/made/instances.npz", imgs=volume, text_prompts=prompts)
`;
/** The challenge's key, and one reference that lies elsewhere, has other labels. */
const MAKE_REFERENCES = `
import numpy as np
segs = np.load("/made/out/input.npz")["segs"]
np.savez("/made/reference.npz", gts=segs, spacing=np.ones(3))
np.savez("/made/wrong.npz", gts=np.roll(segs, 30, axis=2))
np.savez("/made/others.npz", gts=(segs > 0) * 200)
`;

let docker: Dockerode;
let made: string;
let weights: string;
let folder: string;
let said: string[];

beforeAll(async () => {
  docker = new Dockerode({ socketPath: required('BPI_TEST_DOCKER_SOCKET') });
  made = await mkdtemp(join(tmpdir(), 'bpi-verify-spec-'));
  weights = join(made, 'good');
  const kinds = ['good', 'foreign'];
  // A model's user is nobody's: it must be allowed into the folder.
  for (const kind of kinds) await mkdir(join(made, kind), { mode: 0o755 });
  const makeWeights = kinds.map((kind) => `python3 ${MAKE_WEIGHTS} /made/${kind}/${WEIGHTS_FILE} --kind ${kind}`);
  const env = `INPUT_DIR=/made/in OUTPUT_DIR=/made/out WEIGHTS_DIR=/made/good WEIGHTS_FILE=${WEIGHTS_FILE}`;
  const digest = `WEIGHTS_SHA256=$(sha256sum /made/good/${WEIGHTS_FILE} | cut -c1-64)`;
  await inStandIn(
    [
      ...makeWeights,
      `python3 -c '${MAKE_CASE}'`,
      'mkdir /made/in /made/out',
      'cp /made/case.npz /made/in/input.npz',
      `${env} ${digest} sh /workspace/predict.sh`,
      `python3 -c '${MAKE_REFERENCES}'`,
    ].join(' && '),
  );
}, 120_000);
afterAll(() => rm(made, { recursive: true, force: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(made, 'model-'));
  await copyFile(MANIFEST, join(folder, 'model.json'));
  said = [];
});

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run these tests by ./tools/test`);
  return value;
}

/** Runs a shell command in the image, as this user, with `made` at /made. */
async function inStandIn(command: string): Promise<void> {
  const container = await docker.createContainer({
    Image: STAND_IN_IMAGE,
    Cmd: ['sh', '-c', command],
    User: `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`,
    HostConfig: { Binds: [`${made}:/made`], NetworkMode: 'none' },
  });
  try {
    await container.start();
    const { StatusCode }: { StatusCode: number } = await container.wait();
    const logs = await container.logs({ stderr: true });
    if (StatusCode !== 0) throw new Error(`the stand-in ended with ${StatusCode}: ${logs.toString('utf8')}`);
  } finally {
    await container.remove({ force: true });
  }
}

/** An image that differs by what a command did to it; its tag. */
async function derive(name: string, command: string): Promise<string> {
  const container = await docker.createContainer({ Image: STAND_IN_IMAGE, User: '0:0', Cmd: ['sh', '-c', command] });
  try {
    await container.start();
    const { StatusCode }: { StatusCode: number } = await container.wait();
    if (StatusCode !== 0) throw new Error(`the command for ${name} ended with ${StatusCode}: correct it`);
    const tag = `${name}-${process.pid}`;
    await container.commit({ repo: DERIVED, tag, changes: 'CMD ["sh", "predict.sh"]' });
    return `${DERIVED}:${tag}`;
  } finally {
    await container.remove({ force: true });
  }
}

function verify(options: Partial<VerifyOptions> = {}): Promise<void> {
  return verifyModel(docker, {
    folder,
    weightsDir: weights,
    casePath: join(made, 'case.npz'),
    referencePath: join(made, 'reference.npz'),
    device: 'cpu',
    runs: 1,
    pin: false,
    temporaryDir: made,
    environment: process.env,
    log: () => {},
    say: (line) => said.push(line),
    signal: AbortSignal.timeout(RUN_TIMEOUT_MS),
    ...options,
  });
}

/** Neither files of a case nor a container. */
async function expectNothingLeft(): Promise<void> {
  expect((await readdir(made)).filter((name) => name.startsWith('bpi-verify-'))).toEqual([]);
  const filters = { label: ['bpi.platform=verify-model'] };
  expect(await docker.listContainers({ all: true, filters })).toEqual([]);
}

async function editManifest(edit: (manifest: ModelManifest) => object): Promise<void> {
  const manifest = modelManifestSchema.parse(JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')));
  await writeFile(join(folder, 'model.json'), JSON.stringify({ ...manifest, ...edit(manifest) }));
}

describe('a verification', () => {
  it(
    'passes where the reference is what the weights gave before, and says what it cost',
    async () => {
      await verify({ runs: 2 });
      const text = said.join('\n');
      expect(text).toMatch(/^untrained-stand-in 1\.0\.0, image sha256:/);
      expect(text).toContain('not pinned');
      expect(text).toMatch(/\n +2 +0\.9\d+ +(\d+) +\1 +1\.0000\n/);
      expect(text).toMatch(/\n +9 +0\.000 +0 +0 +–\n/);
      expect(text).toContain('Mean Dice of the labels in the reference: 1.0000');
      expect(text).toMatch(/Time: .*load .*segment .* in all/);
      expect(text).toMatch(/Memory at most: host \d+ MiB, device – MiB/);
      expect(text).toContain('A second run gave the same mask.');
      expect(text).toContain('run this again with --pin');
      await expectNothingLeft();
    },
    2 * RUN_TIMEOUT_MS,
  );

  it(
    'pins the weights that passed, and holds other ones against that from then on',
    async () => {
      const { stdout } = await promisify(execFile)('sha256sum', [join(weights, WEIGHTS_FILE)]);
      await verify({ pin: true });
      const text = await readFile(join(folder, 'model.json'), 'utf8');
      expect(modelManifestSchema.parse(JSON.parse(text)).weights?.sha256).toBe(stdout.slice(0, 64));
      const before = await readFile(MANIFEST, 'utf8');
      expect(text.replace(/"weights": \{[^}]*\}/, '')).toBe(before.replace(/"weights": \{[^}]*\}/, ''));
      await expect(verify({ weightsDir: join(made, 'foreign') })).rejects.toThrow(
        'is not the file that model.json pins',
      );
    },
    RUN_TIMEOUT_MS,
  );

  it.each(['wrong.npz', 'others.npz'])(
    'fails with the reference %s, and pins nothing',
    async (name) => {
      const failed = verify({ referencePath: join(made, name), pin: true });
      await expect(failed).rejects.toThrow(/is below 0\.9|holds none of the labels/);
      expect(said.join('\n')).toContain('Mean Dice');
      expect(await readFile(join(folder, 'model.json'), 'utf8')).toBe(await readFile(MANIFEST, 'utf8'));
    },
    RUN_TIMEOUT_MS,
  );

  it(
    'fails where two runs differ',
    async () => {
      const image = await derive(
        'random',
        `sed -i 's|rand_like(chance)|rand_like(chance) ** ${RANDOM_NUMBER}|' network.py`,
      );
      try {
        await editManifest(() => ({ image }));
        const failed = verify({ runs: 2, referencePath: join(made, 'reference.npz') });
        await expect(failed).rejects.toThrow('Two runs with the same seed gave different masks');
      } finally {
        await docker.getImage(image).remove({ force: true });
      }
    },
    2 * RUN_TIMEOUT_MS,
  );

  it(
    'says which checkpoint is another network’s',
    async () => {
      await expect(verify({ weightsDir: join(made, 'foreign') })).rejects.toThrow(
        'The model did not take its weights (weights_keys_mismatch): it is a checkpoint of another network',
      );
    },
    RUN_TIMEOUT_MS,
  );

  it('finds what is missing before it starts anything', async () => {
    const none = join(made, 'none');
    await expect(verify({ folder: none })).rejects.toThrow('There is no model none');
    await expect(verify({ weightsDir: none })).rejects.toThrow('is missing: download it there');
    await expect(verify({ casePath: none })).rejects.toThrow('put the golden case there');
    await expect(verify({ referencePath: none })).rejects.toThrow('put the golden case there');
    await expect(verify({ casePath: join(made, 'instances.npz') })).rejects.toThrow('choose one with labels');
    await expect(verify({ casePath: join(made, 'reference.npz') })).rejects.toThrow('A required array is missing');
    await expect(verify({ referencePath: join(made, 'case.npz') })).rejects.toThrow('A required array is missing');
    await expect(verify({ device: 'gpu' })).rejects.toThrow('leave --gpu out');
    const pointer = await mkdtemp(join(made, 'pointer-'));
    await copyFile(join(weights, WEIGHTS_FILE), join(pointer, WEIGHTS_FILE));
    await truncate(join(pointer, WEIGHTS_FILE), 130);
    await expect(verify({ weightsDir: pointer })).rejects.toThrow('has 130 bytes: it is a pointer');
    await editManifest(() => ({ golden: { input: 'x', dice_min: 0.5, params: { axis: 'w' } } }));
    await expect(verify()).rejects.toThrow('golden.params in model.json do not fit');
    expect(said).toEqual([]);
  });

  it(
    'that is interrupted leaves no container and no file behind',
    async () => {
      const interrupt = new AbortController();
      const log = (line: string) => {
        if (line.startsWith('model:')) interrupt.abort(new Error('enough'));
      };
      await expect(verify({ log, signal: interrupt.signal })).rejects.toThrow('enough');
      await expectNothingLeft();
    },
    RUN_TIMEOUT_MS,
  );

  it(
    'says that a container does not see what a link leads to',
    async () => {
      await symlink(join(weights, WEIGHTS_FILE), join(made, 'foreign/link.ckpt'));
      await editManifest(() => ({ weights: { file: 'link.ckpt', sha256: null } }));
      await expect(verify({ weightsDir: join(made, 'foreign') })).rejects.toThrow('put the file itself there');
    },
    RUN_TIMEOUT_MS,
  );

  it(
    'says that the container needs more memory',
    async () => {
      await editManifest(({ resources }) => ({ resources: { ...resources, memory_mib: 64 } }));
      await expect(verify()).rejects.toThrow('needed more than its 64 MiB');
    },
    RUN_TIMEOUT_MS,
  );
});
