import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { modelManifestSchema, type ModelManifest } from '@bpi/job-contract';
import { hasCode } from '@bpi/model-files';
import { VerifyError } from './verify-error.ts';

/** A manifest with all that a verification needs. */
export type VerifiableManifest = ModelManifest & {
  weights: NonNullable<ModelManifest['weights']>;
  golden: NonNullable<ModelManifest['golden']>;
};

const MANIFEST_FILE = 'model.json';
/** The object has no braces inside: a file name and a digest. */
const WEIGHTS_ENTRY = /"weights":\s*\{[^{}]*\}/;

/** @throws VerifyError */
export async function readManifest(folder: string): Promise<VerifiableManifest> {
  const name = basename(folder);
  const text = await readFile(join(folder, MANIFEST_FILE), 'utf8').catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new VerifyError(`There is no model ${name}: name a folder of apps/models that has a ${MANIFEST_FILE}.`);
  });
  const parsed = modelManifestSchema.safeParse(parseJson(text, name));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new VerifyError(`${MANIFEST_FILE} of ${name}: correct ${issue?.path.join('.')} (${issue?.message}).`);
  }
  const { weights, golden } = parsed.data;
  if (weights === null)
    throw new VerifyError(`${name} names no weights: this command is for models whose image lacks them.`);
  if (golden === null)
    throw new VerifyError(`${name} has no golden case: add params and dice_min as "golden" to its ${MANIFEST_FILE}.`);
  return { ...parsed.data, weights, golden };
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new VerifyError(`${MANIFEST_FILE} of ${name} is not JSON: correct it.`);
  }
}

/** Writes the digest of the weights into `model.json`, and leaves every other byte as it was. @throws VerifyError */
export async function pinWeights(folder: string, weights: { file: string; sha256: string }): Promise<void> {
  const path = join(folder, MANIFEST_FILE);
  const text = await readFile(path, 'utf8');
  // On lines of its own, so that a formatter has nothing to change.
  const entry = JSON.stringify({ weights }, null, 2).split('\n').slice(1, -1).join('\n').trim();
  const pinned = text.replace(WEIGHTS_ENTRY, () => entry);
  const found = modelManifestSchema.safeParse(parseJson(pinned, basename(folder)));
  if (found.data?.weights?.sha256 !== weights.sha256)
    throw new VerifyError(
      `Write ${weights.sha256} as weights.sha256 into ${MANIFEST_FILE} by hand: it is laid out oddly.`,
    );
  await writeFile(path, pinned);
}
