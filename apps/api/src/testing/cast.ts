import { randomUUID } from 'node:crypto';
import { logsKey, type JobId } from '@bpi/job-contract';
import { applyEvents, completeJob, inferForm, makeKey, submit, type TestApi } from './api-harness.ts';
import type { HeaderLines } from './ask.ts';
import { metadataOf } from './metadata-of.ts';

/** What may have become of a job; each answers its owner in its own way, and nobody else in any. */
export const JOB_STATES = ['queued', 'completed', 'failed', 'deleted'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** A client with a key. */
export type Actor = { name: string; keyId: string; authorization: string; lines: HeaderLines };

export async function makeActor(api: TestApi, name: string): Promise<Actor> {
  const { authorization, keyId } = await makeKey(api, name);
  return { name, keyId, authorization, lines: [['Authorization', authorization]] };
}

/** A fresh job of the actor in this state, with logs where its model has run. */
export async function makeJob(api: TestApi, actor: Actor, state: JobState): Promise<JobId> {
  const jobId = await submit(api, inferForm(), { authorization: actor.authorization });
  if (state === 'queued') return jobId;
  await api.ports.objects.put(logsKey(jobId, 1), Buffer.from(`of ${actor.name}\n`), { ifAbsent: true });
  if (state === 'failed') {
    await applyEvents(api, jobId, [{ type: 'failed', code: 'model_error', atMs: Date.now() }]);
    return jobId;
  }
  await completeJob(api, jobId, {
    'pred_mask.npz': Buffer.from(`mask of ${actor.name}`),
    'pred_mask.nii.gz': Buffer.from('nifti'),
    'preview.png': Buffer.from('png'),
    'metadata.json': Buffer.from(JSON.stringify(metadataOf(jobId))),
  });
  if (state === 'deleted') {
    await applyEvents(api, jobId, [{ type: 'deleteRequested', atMs: Date.now() }]);
  }
  return jobId;
}

/** What no client ever got as a job's id, some of it near to one that is real. Encoded as a path takes it. */
export function noIds(near: string): string[] {
  return [
    randomUUID(),
    'x',
    near.toUpperCase(),
    `${near}%20`,
    `%20${near}`,
    `${near}%00`,
    `${near}%0a`,
    `${near}0`,
    near.slice(0, -1),
    near.replaceAll('-', ''),
    `..%2f${near}`,
    `${near}%2f..%2f${near}`,
    `*`,
    '%25',
    '__proto__',
    'constructor',
    '00000000-0000-0000-0000-000000000000',
    'a'.repeat(5_000),
  ];
}
