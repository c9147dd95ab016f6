/** What virtual tasks do: what their jobs ask for, in small objects that name their attempt. */
import { createHash } from 'node:crypto';
import { ARTIFACT_NAMES, reportKey, type JobId } from '@bpi/job-contract';
import type { ObjectStore, TaskSpec } from '@bpi/jobs';
import { scriptOf } from '../../job-mix.ts';
import { failed, filled, jsonBytes, readJobFile, storeArtifacts } from '../../scripted-artifacts.ts';
import { refOf, type VirtualPlan, type VirtualTaskRunnerOptions } from './virtual-task-runner.ts';

const START_MS_MAX = 60;
const STUBBORN_SHARE = 0.3;
const NEVER_KILLED = new AbortController().signal;

export function scriptedTasks(objects: ObjectStore): Pick<VirtualTaskRunnerOptions, 'planOf' | 'stageOut'> {
  return {
    planOf: (spec) => planOf(objects, spec),
    stageOut: async ({ jobId, epoch, ref, shrunk }, exit) => {
      const attempt = { jobId, epoch, shrunk, imageDigest: null };
      const report =
        exit === 0
          ? await storeArtifacts(objects, attempt, { taskId: ref, killed: NEVER_KILLED })
          : failed(attempt, exit);
      if (report !== null) await objects.put(reportKey(jobId, epoch), jsonBytes(report), { ifAbsent: true });
    },
  };
}

/** The digest of the mask that this very attempt stores. */
export function maskDigestOf(attempt: { jobId: JobId; epoch: number }): string {
  const [mask] = ARTIFACT_NAMES;
  return createHash('sha256')
    .update(filled(mask, attempt, refOf(attempt)))
    .digest('hex');
}

async function planOf(objects: ObjectStore, { jobId, epoch, shrunk }: TaskSpec): Promise<VirtualPlan> {
  const random = randomOfAttempt(jobId, epoch);
  const { params } = await readJobFile(objects, jobId);
  const { model, exit } = scriptOf({ jobId, epoch, shrunk, params }, random);
  return {
    startMs: random() * START_MS_MAX,
    modelMs: typeof model === 'number' ? model : 0,
    exit: exit ?? 0,
    ignoresStop: random() < STUBBORN_SHARE,
  };
}

/** The same numbers for an attempt in whichever process. */
function randomOfAttempt(jobId: JobId, epoch: number): () => number {
  let drawn = 0;
  return () => {
    const digest = createHash('sha256').update(`${jobId}/${epoch}/${drawn++}`).digest();
    return digest.readUInt32BE(0) / 2 ** 32;
  };
}
