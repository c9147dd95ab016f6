import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { LIMITS, logsKey, type TaskFile } from '@bpi/job-contract';
import { hasCode } from '@bpi/model-files';
import type { StagerContext } from './stager-context.ts';
import type { WorkFolder } from './work-folder.ts';

/** Neither through a link, nor waiting for the other end of a pipe. */
const UNTRUSTED = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Not there, a link, a socket, a folder, or closed by the model: it left no log. */
const NO_LOG_CODES = ['ENOENT', 'ELOOP', 'ENXIO', 'EISDIR', 'EACCES'] as const;

/**
 * Stores the container's output, for the job's owner only. A model that never ran has none. The file is capped where
 * it is written; a model that can reach it may have put anything in its place, so it is capped here again.
 */
export async function storeLogs(context: StagerContext, work: WorkFolder, task: TaskFile): Promise<void> {
  const logs = await readLogs(work.file('logs'));
  if (logs !== null) await context.objects.put(logsKey(task.job_id, task.epoch), logs, { ifAbsent: true });
}

async function readLogs(path: string): Promise<Buffer | null> {
  const file = await open(path, UNTRUSTED).catch((error: unknown) => {
    if (hasCode(error, ...NO_LOG_CODES)) return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return null;
    const logs = Buffer.alloc(Math.min(stats.size, LIMITS.modelLogBytesMax));
    let bytes = 0;
    while (bytes < logs.length) {
      const { bytesRead } = await file.read(logs, bytes, logs.length - bytes, bytes);
      if (bytesRead === 0) break;
      bytes += bytesRead;
    }
    return logs.subarray(0, bytes);
  } finally {
    await file.close();
  }
}
