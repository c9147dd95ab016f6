import { LIMITS, logsKey, type TaskFile } from '@bpi/job-contract';
import { readUntrusted } from '@bpi/model-files';
import type { StagerContext } from './stager-context.ts';
import type { WorkFolder } from './work-folder.ts';

/**
 * Stores the container's output, for the job's owner only. A model that never ran has none. The file is capped where
 * it is written; a model that can reach it may have put anything in its place, so it is capped here again.
 */
export async function storeLogs(context: StagerContext, work: WorkFolder, task: TaskFile): Promise<void> {
  const logs = await readUntrusted(work.file('logs'), LIMITS.modelLogBytesMax);
  if (typeof logs === 'string') return;
  await context.objects.put(logsKey(task.job_id, task.epoch), logs.head, { ifAbsent: true });
}
