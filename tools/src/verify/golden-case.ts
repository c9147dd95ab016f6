import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS, type ModelManifest } from '@bpi/job-contract';
import {
  NO_GEOMETRY,
  readMask,
  rebuildInput,
  VolumeError,
  type InputPolicy,
  type Mask,
  type Shape3,
} from '@bpi/volumes';
import type { VerifiableManifest } from './model-folder.ts';
import { VerifyError } from './verify-error.ts';

/** Names that a reference segmentation may have in its NPZ: the challenge's, and that of a model's own output. */
const REFERENCE_KEYS = ['gts', 'segs'] as const;
const LABEL_IDS = Array.from({ length: 255 }, (_, index) => index + 1);
const MASK_LIMITS = { fileBytesMax: LIMITS.outputBytesMax, membersMax: LIMITS.npzMembersMax };

export type GoldenCase = {
  shape: Shape3;
  /** Ids of the prompts, ascending: the labels that were asked for. */
  ids: readonly number[];
  reference: Mask;
};

export type GoldenFiles = { casePath: string; referencePath: string };

/**
 * Checks and rebuilds the case as the platform does with every upload (`inputsDir` gets `input.npz`), and reads the
 * reference. @throws VerifyError
 */
export async function prepareCase(
  { casePath, referencePath }: GoldenFiles,
  { manifest, inputsDir }: { manifest: VerifiableManifest; inputsDir: string },
): Promise<GoldenCase> {
  for (const path of [casePath, referencePath]) await requireFile(path, manifest);
  const targetPath = join(inputsDir, 'input.npz');
  const args = { sourcePath: casePath, targetPath, policy: policyOf(manifest), geometry: NO_GEOMETRY };
  const { shape, prompts } = await rebuildInput(args).catch(refuse('case', casePath));
  if (prompts === null) throw new VerifyError(`The case ${casePath} has no text_prompts: choose one that has.`);
  if (prompts.instanceLabel === 1)
    throw new VerifyError(`The case ${casePath} asks for instances, which have no Dice: choose one with labels.`);
  const reference = await readMask(referencePath, {
    shape,
    expectation: { kind: 'labels', ids: LABEL_IDS },
    limits: MASK_LIMITS,
    keys: REFERENCE_KEYS,
  }).catch(refuse('reference', referencePath));
  return { shape, ids: prompts.labels.map(({ id }) => id), reference };
}

/** What the model made of it. @throws VerifyError */
export function readPrediction(path: string, { shape, ids }: GoldenCase): Promise<Mask> {
  return readMask(path, { shape, expectation: { kind: 'labels', ids }, limits: MASK_LIMITS }).catch(
    refuse('mask of the model', path),
  );
}

async function requireFile(path: string, { golden }: VerifiableManifest): Promise<void> {
  const stats = await stat(path).catch(() => null);
  if (stats?.isFile() !== true)
    throw new VerifyError(
      `${path} is missing: put the golden case there (${golden.input}), or name files with --case and --reference.`,
    );
}

function refuse(what: string, path: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof VolumeError)) throw error;
    throw new VerifyError(`The ${what}, ${path}, cannot be used: ${error.message}`);
  };
}

function policyOf({ input, prompts }: ModelManifest): InputPolicy {
  const { min, max, distinct_min: distinctMin } = input.intensity;
  const { npzMembersMax: membersMax, ...limits } = LIMITS;
  return { dtypes: input.dtypes, intensity: { min, max, distinctMin }, prompts, limits: { ...limits, membersMax } };
}
