import { jobFileKey, jobFileSchema, LIMITS } from '@bpi/job-contract';
import type { JobFile, Log, ModelManifest, Params, TaskFile } from '@bpi/job-contract';
import { readText, type Catalogue, type Clock, type ObjectStore } from '@bpi/jobs';

export type StagerContext = { objects: ObjectStore; catalogue: Catalogue; clock: Clock; log: Log };

/** What was asked, or null if it is not stored: a fault of the platform, never of the job. */
export async function readJobFile(objects: ObjectStore, task: TaskFile): Promise<JobFile | null> {
  const text = await readText(objects, jobFileKey(task.job_id), LIMITS.jobFileBytesMax);
  return text === null ? null : jobFileSchema.parse(JSON.parse(text));
}

/**
 * Why this task must not serve that job, or null: it was made for another model or version than the client chose, as a
 * wrong entry among the task definitions would do it. Such a mask would look right.
 */
export function wrongModel(jobFile: JobFile, task: TaskFile): 'wrong_model' | null {
  const { name, version } = jobFile.model;
  return name === task.model.name && version === task.model.version ? null : 'wrong_model';
}

/** The job's params, with the model's smaller settings laid over them in the retry after running out of memory. */
export function effectiveParams(jobFile: JobFile, manifest: ModelManifest, task: TaskFile): Params {
  return task.shrunk ? { ...jobFile.params, ...manifest.smaller_settings } : jobFile.params;
}
