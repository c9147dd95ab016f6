/**
 * A catalogue of the untrained stand-in for BiomedParse, one folder for each state its weights can be in. The stand-in
 * is in no catalogue but this one: its manifest lies below the folder of a model, where nobody looks for another.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelManifestSchema, type ModelManifest } from '@bpi/job-contract';
import Dockerode from 'dockerode';
import { DerivedImages } from './derived-images.ts';
import { repoRoot, required } from './harness.ts';

const MANIFEST = join(repoRoot, 'apps/models/biomedparse/stand-in/model.json');
const MAKE_WEIGHTS = '/opt/stand-in/make_weights.py';
/** What Git LFS leaves in place of a file that it never fetched. */
const LFS_POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 4462345678\n`;
const OTHER_DIGEST = '0'.repeat(64);

export const STAND_IN = 'untrained-stand-in';

/** What is wrong with a model's weights, by the name of the model, and how the model says it. */
export const FLAWS = {
  'stand-in-foreign-keys': 'weights_keys_mismatch',
  'stand-in-other-digest': 'weights_digest_mismatch',
  'stand-in-lfs-pointer': 'weights_unreadable',
  'stand-in-half-file': 'weights_unreadable',
  'stand-in-not-pinned': 'weights_not_pinned',
  'stand-in-no-folder': 'weights_missing',
  'stand-in-no-tokenizer': 'tokenizer_missing',
} as const;

export type StandInCatalogue = {
  /** For the harness: where catalogue and weights are, and the only model that a request needs not name. */
  env: Record<string, string>;
  remove: () => Promise<void>;
};

export async function makeStandInCatalogue(): Promise<StandInCatalogue> {
  const folder = await mkdtemp(join(tmpdir(), 'bpi-stand-in-'));
  const manifest = modelManifestSchema.parse(JSON.parse(await readFile(MANIFEST, 'utf8')));
  const images = new DerivedImages(manifest.image);
  const remove = async (): Promise<void> => {
    await images.remove();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const catalogue = new CatalogueFolder(folder, manifest);
    const [good, foreign, oneSlice] = await makeWeights(folder, manifest.image, ['good', 'foreign', 'slices-max=1']);
    await catalogue.add(STAND_IN, good);
    await catalogue.add('stand-in-one-slice', oneSlice);
    await catalogue.add('stand-in-foreign-keys', foreign);
    await catalogue.add('stand-in-other-digest', good, { sha256: OTHER_DIGEST });
    await catalogue.add('stand-in-lfs-pointer', await textFile(folder, LFS_POINTER));
    await catalogue.add('stand-in-half-file', await halfOf(folder, good));
    await catalogue.add('stand-in-not-pinned', good, { sha256: null });
    await catalogue.add('stand-in-no-folder', null);
    const image = await images.derive('no-tokenizer', 'rm -r /opt/tokenizer');
    await catalogue.add('stand-in-no-tokenizer', good, { image });
    const env = { MODELS_DIRS: catalogue.models, WEIGHTS_DIR: catalogue.weights, DEFAULT_MODEL: STAND_IN };
    return { env, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

class CatalogueFolder {
  readonly models: string;
  readonly weights: string;
  readonly #manifest: ModelManifest;

  constructor(folder: string, manifest: ModelManifest) {
    this.models = join(folder, 'models');
    this.weights = join(folder, 'weights');
    this.#manifest = manifest;
  }

  /** @param file the weights' file, pinned by its digest; null = none, not even a folder. */
  async add(name: string, file: string | null, { sha256, image }: { sha256?: string | null; image?: string } = {}) {
    const digest = sha256 === undefined ? (file === null ? OTHER_DIGEST : await sha256Of(file)) : sha256;
    const weights = { file: 'untrained.ckpt', sha256: digest };
    const manifest = { ...this.#manifest, name, weights, image: image ?? this.#manifest.image };
    await mkdir(join(this.models, name), { recursive: true });
    await writeFile(join(this.models, name, 'model.json'), JSON.stringify(manifest));
    if (file === null) return;
    await mkdir(join(this.weights, name), { recursive: true });
    await copyFile(file, join(this.weights, name, weights.file));
  }
}

/** Checkpoints of these kinds, made in the image; resolves with their paths. */
async function makeWeights<const Kinds extends readonly string[]>(
  folder: string,
  image: string,
  kinds: Kinds,
): Promise<{ [Index in keyof Kinds]: string }> {
  const docker = new Dockerode({ socketPath: required('BPI_TEST_DOCKER_SOCKET') });
  const made = await mkdtemp(join(folder, 'made-'));
  const commands = kinds.map((kind) => `python3 ${MAKE_WEIGHTS} /made/${kind}.ckpt --kind ${kind}`);
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['sh', '-c', commands.join(' && ')],
    User: `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`,
    HostConfig: { Binds: [`${made}:/made`], NetworkMode: 'none' },
  });
  try {
    await container.start();
    const { StatusCode }: { StatusCode: number } = await container.wait();
    if (StatusCode !== 0) throw new Error(`make_weights.py ended with ${StatusCode}: run it by hand in ${image}`);
  } finally {
    await container.remove({ force: true });
  }
  return kinds.map((kind) => join(made, `${kind}.ckpt`)) as { [Index in keyof Kinds]: string }; // map keeps the length
}

async function textFile(folder: string, text: string): Promise<string> {
  const path = join(folder, 'pointer');
  await writeFile(path, text);
  return path;
}

/** A download that broke off. */
async function halfOf(folder: string, file: string): Promise<string> {
  const path = join(folder, 'half');
  await copyFile(file, path);
  await truncate(path, Math.floor((await readFile(file)).length / 2));
  return path;
}

async function sha256Of(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
