import type { JobId } from './ids.ts';

/**
 * Where a job's objects lie in the ObjectStore: the layout the requirement calls mandatory, plus attempts.
 * Keys are made of our own ids and fixed names only.
 */
export const JOBS_PREFIX = 'jobs/';

export const INPUT_FILE = 'input.npz';

export const ARTIFACTS = {
  'pred_mask.npz': { mediaType: 'application/octet-stream' },
  'pred_mask.nii.gz': { mediaType: 'application/gzip' },
  'preview.png': { mediaType: 'image/png' },
  'metadata.json': { mediaType: 'application/json' },
} as const;

export type ArtifactName = keyof typeof ARTIFACTS;

export const ARTIFACT_NAMES = Object.keys(ARTIFACTS) as [ArtifactName, ...ArtifactName[]]; // keys of a literal

export function isArtifactName(text: string): text is ArtifactName {
  return Object.hasOwn(ARTIFACTS, text);
}

export function jobPrefix(jobId: JobId): string {
  return `${JOBS_PREFIX}${jobId}/`;
}

export function inputKey(jobId: JobId): string {
  return `${jobPrefix(jobId)}input/${INPUT_FILE}`;
}

export function jobFileKey(jobId: JobId): string {
  return `${jobPrefix(jobId)}input/job.json`;
}

export function attemptPrefix(jobId: JobId, epoch: number): string {
  return `${jobPrefix(jobId)}attempts/${epoch}/`;
}

export function attemptArtifactKey(jobId: JobId, epoch: number, name: ArtifactName): string {
  return `${attemptPrefix(jobId, epoch)}output/${name}`;
}

export function reportKey(jobId: JobId, epoch: number): string {
  return `${attemptPrefix(jobId, epoch)}report.json`;
}

export function logsKey(jobId: JobId, epoch: number): string {
  return `${attemptPrefix(jobId, epoch)}logs.txt`;
}

/** Where the published artifact is shown: `metadata.json` beside `output/`, the others inside it. */
export function publishedKey(jobId: JobId, name: ArtifactName): string {
  return name === 'metadata.json' ? `${jobPrefix(jobId)}metadata.json` : `${jobPrefix(jobId)}output/${name}`;
}

/**
 * What an object is, as far as how long it is kept goes: a store that removes by age needs to be told, because the
 * layout begins with the job. `result` is what a model made, at its published place and in its attempt, which is where a
 * result is downloaded from; `attempt` is what else an attempt left: its report and the model's log.
 */
export const OBJECT_KINDS = ['input', 'attempt', 'result'] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

/** Name of the tag that carries the kind. */
export const OBJECT_KIND_TAG = 'kind';

/** The kind of an object of a job; null for any other key. */
export function objectKind(key: string): ObjectKind | null {
  const [, place] =
    /^jobs\/[^/]+\/(input\/|attempts\/[^/]+\/output\/|attempts\/|output\/|metadata\.json$)/.exec(key) ?? [];
  if (place === undefined) return null;
  if (place === 'input/') return 'input';
  return place === 'attempts/' ? 'attempt' : 'result';
}

/** The job id in a key of ours, or null. */
export function jobIdOfKey(key: string): string | null {
  return /^jobs\/([0-9a-f-]{36})\//.exec(key)?.[1] ?? null;
}

const KEY_CHARS_MAX = 256;
const keyPattern = /^[a-z0-9_][a-z0-9._-]*(\/[a-z0-9_][a-z0-9._-]*)*$/;

/**
 * The grammar of keys that every ObjectStore takes: relative, lower case, no part that begins with a dot, so a key
 * is a safe path in a folder as it is, and names a bucket needs no escaping for.
 */
export function isObjectKey(text: string): boolean {
  return text.length <= KEY_CHARS_MAX && keyPattern.test(text);
}

/** A prefix is a whole folder: a key and a slash. Nothing shorter, so that no slip can name everything. */
export function isObjectPrefix(text: string): boolean {
  return text.endsWith('/') && isObjectKey(text.slice(0, -1));
}
