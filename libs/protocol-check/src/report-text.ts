import { attemptArtifactKey, reportSchema, type JobId, type Manifest } from '@bpi/job-contract';
import { SHOWN_ARTIFACT } from './effect.ts';

/** What attempt `epoch` stores if it succeeds: one artifact whose content names the attempt. */
export function manifestOf(jobId: JobId, epoch: number): Manifest {
  return [
    {
      name: SHOWN_ARTIFACT,
      key: attemptArtifactKey(jobId, epoch, SHOWN_ARTIFACT),
      bytes: epoch,
      sha256: String(epoch % 10).repeat(64),
      media_type: 'application/octet-stream',
    },
  ];
}

/** `report.json` of that attempt. */
export function reportTextOf(jobId: JobId, epoch: number, result: 'stored' | 'failed'): string {
  const head = { schema_version: 1, job_id: jobId, epoch, result };
  const report =
    result === 'stored'
      ? { ...head, manifest: manifestOf(jobId, epoch) }
      : { ...head, code: 'model_error', detail: 'exit', exit_code: 1 };
  return JSON.stringify(reportSchema.parse(report));
}
