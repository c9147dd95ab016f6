import { join } from 'node:path';
import { LIMITS, MODEL_FILES, modelMetricsSchema, type ModelMetrics } from '@bpi/job-contract';
import { readUntrusted } from '@bpi/model-files';

/** `absent`: not every model reports. `unreadable`: too large, no file, or not what a report may be. */
export type ReportedMetrics = ModelMetrics | 'absent' | 'unreadable';

/** What a model says about its run, as untrusted as its mask; a mask is worth keeping without it. */
export async function readModelMetrics(outputs: string): Promise<ReportedMetrics> {
  const file = await readUntrusted(join(outputs, MODEL_FILES.metrics), LIMITS.metricsBytesMax);
  if (file === 'absent') return 'absent';
  if (file === 'not_regular' || file.bytes > LIMITS.metricsBytesMax) return 'unreadable';
  return parseMetrics(file.head.toString('utf8'));
}

function parseMetrics(text: string): ReportedMetrics {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'unreadable';
  }
  const parsed = modelMetricsSchema.safeParse(value);
  return parsed.success ? parsed.data : 'unreadable';
}
