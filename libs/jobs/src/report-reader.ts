import {
  LIMITS,
  reportKey,
  storedReportSchema,
  attemptPrefix,
  type AttemptReport,
  type JobId,
} from '@bpi/job-contract';
import { ObjectNotFound, type ObjectStore } from './ports/object-store.ts';

/**
 * The report of an attempt, or null if there is none or it is not valid for this job and epoch: a report that
 * names other keys than this attempt's own is none.
 */
export async function readReport(objects: ObjectStore, jobId: JobId, epoch: number): Promise<AttemptReport | null> {
  const text = await readText(objects, reportKey(jobId, epoch), LIMITS.reportBytesMax);
  if (text === null) return null;
  const parsed = storedReportSchema.safeParse(parseJson(text));
  if (!parsed.success || parsed.data.job_id !== jobId || parsed.data.epoch !== epoch) return null;
  const report = parsed.data;
  const own = `${attemptPrefix(jobId, epoch)}output/`;
  if (report.result === 'stored' && report.manifest.some((entry) => entry.key !== `${own}${entry.name}`)) return null;
  return report;
}

/** A small object as text, or null if it is absent or larger than it may be. */
export async function readText(objects: ObjectStore, key: string, bytesMax: number): Promise<string | null> {
  let bytes = 0;
  const parts: Buffer[] = [];
  try {
    for await (const part of await objects.get(key)) {
      bytes += part.length;
      if (bytes > bytesMax) return null;
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof ObjectNotFound) return null;
    throw error;
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
