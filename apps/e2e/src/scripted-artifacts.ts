/** What scripted tasks store: small objects that say whose they are, under the keys of their attempt. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { StagerEnv } from '@bpi/adapters-aws';
import {
  ARTIFACT_NAMES,
  ARTIFACTS,
  attemptArtifactKey,
  failureOfExit,
  jobFileKey,
  jobFileSchema,
  publishedKey,
  type ArtifactName,
  type AttemptReport,
  type JobFile,
  type JobId,
  type Manifest,
  type Metadata,
} from '@bpi/job-contract';
import type { ObjectStore } from '@bpi/jobs';

/** Whose task it is. */
export type ScriptedAttempt = Pick<StagerEnv, 'jobId' | 'epoch' | 'shrunk'> & { imageDigest: string | null };

/** How a scripted model ended. */
export type ModelExit = number | 'out_of_memory';

/** The real stage-out goes on trying until it is killed; a test that waits so long has failed anyway. */
const STORE_TRIES_MAX = 20;
const STORE_PAUSE_MS = 100;

/** Whose bytes an artifact is: every one of them names its attempt and its task. */
export function originOf(bytes: Uint8Array): { jobId: string; epoch: number } {
  const text = Buffer.from(bytes).toString('utf8');
  const found = /"job_id":"([0-9a-f-]{36})".*"attempt":(\d+)/s.exec(text);
  if (found?.[1] === undefined) throw new Error('an artifact that no scripted task wrote');
  return { jobId: found[1], epoch: Number(found[2]) };
}

export async function readJobFile(objects: ObjectStore, jobId: JobId): Promise<JobFile> {
  return jobFileSchema.parse(JSON.parse((await objectBytes(objects, jobFileKey(jobId))).toString('utf8')));
}

export async function objectBytes(objects: ObjectStore, key: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of await objects.get(key)) parts.push(part as Buffer); // no encoding is set
  return Buffer.concat(parts);
}

/** The artifacts of a job as they are shown, in the order of their names. */
export async function publishedBytes(objects: ObjectStore, jobId: JobId): Promise<Buffer[]> {
  return Promise.all(ARTIFACT_NAMES.map((name) => objectBytes(objects, publishedKey(jobId, name))));
}

/** Stores each only if absent, as the stager does. Null when the task was killed over it. */
export async function storeArtifacts(
  objects: ObjectStore,
  env: ScriptedAttempt,
  { taskId, killed }: { taskId: string; killed: AbortSignal },
): Promise<AttemptReport | null> {
  const jobFile = await persistently(() => readJobFile(objects, env.jobId), killed);
  if (jobFile === null) return null;
  const manifest: Manifest = [];
  for (const name of ARTIFACT_NAMES) {
    const key = attemptArtifactKey(env.jobId, env.epoch, name);
    const body = artifact(name, { env, taskId, jobFile });
    const put = await persistently(async () => {
      const written = await objects.put(key, body, { ifAbsent: true });
      return written.kind === 'stored' ? written : objects.head(key);
    }, killed);
    if (put === null) return null;
    manifest.push({ name, key, bytes: put.bytes, sha256: put.sha256, media_type: ARTIFACTS[name].mediaType });
  }
  return { schema_version: 1, job_id: env.jobId, epoch: env.epoch, result: 'stored', manifest };
}

function artifact(name: ArtifactName, from: { env: ScriptedAttempt; taskId: string; jobFile: JobFile }): Buffer {
  const { env, taskId, jobFile } = from;
  return name === 'metadata.json' ? jsonBytes(scriptedMetadata(env, jobFile)) : filled(name, env, taskId);
}

/** Bytes that only this task's artifact has. */
export function filled(name: ArtifactName, { jobId, epoch }: { jobId: JobId; epoch: number }, taskId: string): Buffer {
  const filling = createHash('sha256').update(`${taskId}/${name}`).digest('hex');
  return jsonBytes({ job_id: jobId, attempt: epoch, name, taskId, filling });
}

export function failed(env: ScriptedAttempt, modelExit: ModelExit | null): AttemptReport {
  const exitCode = typeof modelExit === 'number' ? modelExit : null;
  const end = { exitCode: exitCode ?? 0, oomKilled: modelExit === 'out_of_memory' };
  return {
    schema_version: 1,
    job_id: env.jobId,
    epoch: env.epoch,
    result: 'failed',
    code: failureOfExit(end) ?? 'platform_error',
    detail: modelExit === 'out_of_memory' ? 'memory_limit' : `exit_${exitCode}`,
    exit_code: exitCode,
  };
}

/** Null when the task was killed over it. */
export async function persistently<T>(attempt: () => Promise<T>, killed: AbortSignal): Promise<T | null> {
  for (let tries = 1; !killed.aborted; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries >= STORE_TRIES_MAX) throw error;
      await delay(STORE_PAUSE_MS);
    }
  }
  return null;
}

export function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** `metadata.json` of a mask without a voxel, by the schema that the API reads it with. */
function scriptedMetadata({ jobId, epoch, imageDigest, shrunk }: ScriptedAttempt, jobFile: JobFile): Metadata {
  return {
    schema_version: 1,
    job_id: jobId,
    model: { ...jobFile.model, image_digest: imageDigest, weights_sha256: null },
    params: jobFile.params,
    shape: jobFile.input.shape,
    axes: 'zyx',
    spacing_mm: jobFile.spacing_mm,
    spacing_order: jobFile.spacing_order,
    affine: jobFile.affine,
    orientation: 'unknown',
    dtype: 'uint8',
    labels: [
      {
        id: 1,
        name: 'bright',
        color: '#000000',
        voxels: 0,
        volume_ml: null,
        bbox: null,
        centroid: null,
        present: false,
      },
    ],
    instance_label: 0,
    intensity: jobFile.intensity,
    prompts_used: false,
    seed: null,
    model_run: { axis: null, slice_batch_size: null, out_of_memory_count: null, device: null },
    attempt: epoch,
    timings: {},
    warnings: [...jobFile.warnings, ...(shrunk ? ['smaller_settings_used'] : [])],
  };
}
