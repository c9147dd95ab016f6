import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DEFAULT_RETENTION, jobIdSchema } from '@bpi/job-contract';
import { newJob, type Submission } from '@bpi/jobs';
import { MANIFEST, SHAPE } from '../stager-bench.ts';

export const CLIENT_ID = 'clinic';
const HOUR_MS = 60 * 60 * 1_000;

/** What the API makes of one request: a new job id each time, the same claim for the same Idempotency-Key. */
export async function submissionOf(
  inputPath: string,
  { key, nowMs }: { key: string; nowMs: number },
): Promise<Submission> {
  const jobId = jobIdSchema.parse(randomUUID());
  const input = await readFile(inputPath);
  const sha256 = sha256Of(input);
  const model = { name: MANIFEST.name, version: MANIFEST.version };
  return {
    job: newJob({
      jobId,
      clientId: CLIENT_ID,
      externalJobId: null,
      model,
      pool: 'cpu',
      inputSha256: sha256,
      warnings: [],
      nowMs,
      startDeadlineMs: 24 * HOUR_MS,
      totalDeadlineMs: 48 * HOUR_MS,
      attemptTimeoutMs: 12 * HOUR_MS,
      canShrink: false,
      retention: DEFAULT_RETENTION,
    }),
    jobFile: {
      schema_version: 1,
      job_id: jobId,
      model,
      params: { size: 'large' },
      input: { bytes: input.length, sha256, shape: SHAPE, dtype: 'uint8' },
      spacing_mm: [1, 2, 5],
      spacing_order: 'xyz',
      affine: null,
      prompts: {
        labels: [
          { id: 1, prompt: 'one' },
          { id: 3, prompt: 'three' },
        ],
        instance_label: 0,
      },
      intensity: { received: { dtype: 'uint8', min: 0, max: 255 }, applied: 'none' },
      warnings: [],
      created_at: new Date(nowMs).toISOString(),
    },
    input: { path: inputPath, bytes: input.length, sha256 },
    idempotency: {
      keyDigest: sha256Of(key),
      fingerprint: sha256Of(`payload ${sha256}`),
      // The story is told again after the longest of its times.
      expiresAtMs: nowMs + 2 * DEFAULT_RETENTION.recordMs,
    },
  };
}

function sha256Of(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
