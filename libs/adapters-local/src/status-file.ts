import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { jobPrefix, statusOf, type JobRecord } from '@bpi/job-contract';
import { hasCode } from '@bpi/model-files';

/**
 * Shows a job's public word as `jobs/{id}/status.txt` under the data folder: one word and a newline, replaced whole.
 * Called within the store's write transaction, so there is one writer at a time and the temporary name may be fixed.
 * A crash before the commit leaves the word one step ahead, until the next save of that job writes it again.
 */
export function writeStatusFile(dataRoot: string, job: JobRecord): void {
  const folder = join(dataRoot, jobPrefix(job.jobId));
  const path = join(folder, 'status.txt');
  const text = `${statusOf(job)}\n`;
  if (readIfThere(path) === text) return;
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, '.status.txt.tmp');
  const file = openSync(temporary, 'w', 0o644);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
