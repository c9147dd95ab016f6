import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { modelManifestSchema, paramsSchemaOf, type ModelManifest } from '@bpi/job-contract';
import { hasCode } from './error-code.ts';

const MANIFEST_FILE = 'model.json';
const MANIFEST_BYTES_MAX = 256 * 1024;

/** The operator's catalogue cannot be used; the message names file and field. */
export class CatalogueError extends Error {
  override readonly name = 'CatalogueError';
  readonly code: 'folder_missing' | 'manifest_invalid';

  constructor(code: 'folder_missing' | 'manifest_invalid', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Reads the `model.json` of every folder in the given ones, in ascending order of folder names; a folder without
 * one is no model. Throws CatalogueError at the first that does not fit.
 */
export async function readCatalogue(dirs: readonly string[]): Promise<ModelManifest[]> {
  const models: ModelManifest[] = [];
  for (const dir of dirs) {
    for (const name of await foldersIn(dir)) {
      const file = join(dir, name, MANIFEST_FILE);
      const text = await readManifest(file);
      if (text !== null) models.push(parseManifest(file, text));
    }
  }
  return models;
}

async function foldersIn(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    const message = `The models folder ${dir} cannot be read: create it or name another.`;
    throw new CatalogueError('folder_missing', message, { cause });
  }
}

async function readManifest(file: string): Promise<string | null> {
  try {
    const { size } = await stat(file);
    if (size > MANIFEST_BYTES_MAX) throw invalid(file, `it is larger than ${MANIFEST_BYTES_MAX} bytes`);
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function parseManifest(file: string, text: string): ModelManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CatalogueError('manifest_invalid', `${file} is not JSON: correct it.`, { cause });
  }
  const parsed = modelManifestSchema.safeParse(json);
  if (!parsed.success) throw invalid(file, firstFault(parsed.error.issues));
  assertParams(file, parsed.data);
  return parsed.data;
}

/** What one field of the manifest says about others: params it sets must be ones it declares, with fitting values. */
function assertParams(file: string, model: ModelManifest): void {
  const defaults = Object.fromEntries(Object.entries(model.params).map(([name, param]) => [name, param.default]));
  const schema = paramsSchemaOf(model);
  const settings = {
    params: defaults,
    smaller_settings: model.smaller_settings,
    'golden.params': model.golden?.params,
  };
  for (const [field, values] of Object.entries(settings)) {
    const checked = schema.safeParse(values ?? {});
    if (!checked.success) throw invalid(file, `${field}.${firstFault(checked.error.issues)}`);
  }
}

function firstFault(issues: readonly { path: PropertyKey[]; message: string }[]): string {
  const [first] = issues;
  if (first === undefined) return 'it does not fit';
  return `${first.path.map(String).join('.') || '(whole file)'}: ${first.message}`;
}

function invalid(file: string, fault: string): CatalogueError {
  return new CatalogueError('manifest_invalid', `${file} cannot be used: correct ${fault}`);
}
