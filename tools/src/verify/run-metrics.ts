import { LIMITS } from '@bpi/job-contract';
import { readUntrusted } from '@bpi/model-files';
import { z } from 'zod';

const mib = z.number().min(0).nullable();

/** `metrics.json` as far as a verification shows it; the platform itself reads other parts of it. */
const runMetricsSchema = z.object({
  prompts: z.array(z.object({ id: z.int(), existence_score: z.number().min(0).max(1) })).default([]),
  slice_batch_size: z.int().optional(),
  slice_batch_size_asked: z.int().optional(),
  out_of_memory_count: z.int().optional(),
  device: z.string().max(64).optional(),
  device_name: z.string().max(200).optional(),
  seconds: z.record(z.string().max(32), z.number()).default({}),
  peak_memory_mib: z.object({ host: mib, device: mib }).default({ host: null, device: null }),
  versions: z.record(z.string().max(64), z.string().max(200)).default({}),
});
export type RunMetrics = z.infer<typeof runMetricsSchema>;

/** Null = the model wrote none that can be read. */
export async function readRunMetrics(path: string): Promise<RunMetrics | null> {
  const found = await readUntrusted(path, LIMITS.metricsBytesMax);
  if (typeof found === 'string' || found.bytes > LIMITS.metricsBytesMax) return null;
  try {
    return runMetricsSchema.parse(JSON.parse(found.head.toString('utf8')));
  } catch {
    return null;
  }
}
