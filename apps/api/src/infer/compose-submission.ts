import { createHash } from 'node:crypto';
import { LIMITS, type JobFile, type JobId, type ModelManifest, type WarningCode } from '@bpi/job-contract';
import { newJob, type IdempotencyClaim, type Submission } from '@bpi/jobs';
import type { InputPolicy, InputSummary } from '@bpi/volumes';
import type { ApiSettings } from '../settings.ts';
import type { Order } from './parse-order.ts';

/** What the check of an upload for this model follows: what the model takes, within what the platform allows. */
export function inputPolicyOf(model: ModelManifest, uploadBytesMax: number): InputPolicy {
  const { min, max, distinct_min: distinctMin } = model.input.intensity;
  return {
    dtypes: model.input.dtypes,
    intensity: { min, max, distinctMin },
    prompts: model.prompts,
    limits: {
      uploadBytesMax,
      imgsBytesMax: LIMITS.imgsBytesMax,
      voxelsMax: LIMITS.voxelsMax,
      dimMax: LIMITS.dimMax,
      promptsBytesMax: LIMITS.promptsBytesMax,
      promptCountMax: LIMITS.promptCountMax,
      promptCharsMax: LIMITS.promptCharsMax,
      membersMax: LIMITS.npzMembersMax,
    },
  };
}

export type SubmissionParts = {
  jobId: JobId;
  clientId: string;
  nowMs: number;
  order: Order;
  summary: InputSummary;
  /** The checked and rebuilt input on the scratch disk. */
  inputPath: string;
  idempotencyKey: string | null;
  settings: ApiSettings;
};

/** Everything a job needs, from what was asked and what was found in the file. Pure. */
export function composeSubmission(parts: SubmissionParts): Submission {
  const { jobId, clientId, nowMs, order, summary, settings } = parts;
  const { model, affine, spacingOrder } = order;
  const identity = { name: model.name, version: model.version };
  const warnings: WarningCode[] = [...summary.warnings];
  if (affine === null) warnings.push('orientation_unknown');
  if (model.fixed_labels !== null && summary.prompts !== null) warnings.push('prompts_ignored');
  const job = newJob({
    jobId,
    clientId,
    externalJobId: order.externalJobId,
    model: identity,
    pool: settings.pools[model.resources.gpu],
    inputSha256: summary.sha256,
    warnings,
    nowMs,
    startDeadlineMs: settings.startDeadlineMs,
    totalDeadlineMs: settings.totalDeadlineMs,
    attemptTimeoutMs: model.attempt_timeout_s * 1000,
    canShrink: model.smaller_settings !== null,
    retention: settings.retention,
  });
  const jobFile: JobFile = {
    schema_version: 1,
    job_id: jobId,
    model: identity,
    params: order.params,
    input: { bytes: summary.bytes, sha256: summary.sha256, shape: [...summary.shape], dtype: summary.dtype },
    spacing_mm: summary.spacingMm === null ? null : [...summary.spacingMm],
    spacing_order: spacingOrder,
    affine,
    prompts: promptsOf(summary),
    intensity: { received: { ...summary.intensity.received }, applied: summary.intensity.applied },
    warnings,
    created_at: new Date(nowMs).toISOString(),
  };
  const input = { path: parts.inputPath, bytes: summary.bytes, sha256: summary.sha256 };
  return { job, jobFile, input, idempotency: claimOf(parts) };
}

function promptsOf({ prompts }: InputSummary): JobFile['prompts'] {
  if (prompts === null) return null;
  return { labels: prompts.labels.map((label) => ({ ...label })), instance_label: prompts.instanceLabel };
}

/** Two requests are the same if they ask the same of the same voxels: the archive's compression does not count. */
function claimOf({ clientId, nowMs, order, summary, idempotencyKey }: SubmissionParts): IdempotencyClaim | null {
  if (idempotencyKey === null) return null;
  const params = Object.entries(order.params).sort(([left], [right]) => (left < right ? -1 : 1));
  const { model, affine, spacingOrder, externalJobId } = order;
  const payload = [summary.contentSha256, model.name, params, affine, spacingOrder, externalJobId];
  return {
    keyDigest: keyDigestOf(clientId, idempotencyKey),
    fingerprint: sha256(JSON.stringify(payload)),
    expiresAtMs: nowMs + LIMITS.idempotencyTtlMs,
  };
}

/** Names a client's Idempotency-Key without holding it. */
export function keyDigestOf(clientId: string, idempotencyKey: string): string {
  return sha256(`${clientId}\0${idempotencyKey}`);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
