import { join, resolve } from 'node:path';
import { keepsRecordLongest, RECORD_MUST_BE, retentionOf, retentionVariables, type Retention } from '@bpi/job-contract';
import { z } from 'zod';

const MiB = 1024 * 1024;

const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** The worker's environment in the local composition. */
const envSchema = z
  .object({
    DATA_DIR: z.string().min(1, 'set it to the folder that API and worker share').default('./data'),
    /** Folders whose sub-folders hold a model.json each, separated by colons. */
    MODELS_DIRS: z.string().min(1).default('./apps/models'),
    /** Holds `<model name>/<file>` of models whose images lack their weights. Default: `weights` in DATA_DIR. */
    WEIGHTS_DIR: z.string().min(1).optional(),
    /** Jobs that run at the same time, per pool. */
    LOCAL_SLOTS: count(1, 64).default(1),
    DOCKER_SOCKET: z.string().min(1).default('/var/run/docker.sock'),
    /** The stager's program, run by this very Node. */
    STAGER_ENTRY: z.string().min(1).default('./dist/apps/stager/main.local.js'),
    /** Port of the health endpoints on loopback; 0 = none. */
    HEALTH_PORT: count(0, 65_535).default(0),
    SWEEP_INTERVAL_MS: count(100, 3_600_000).default(15_000),
    OUTPUT_BYTES_MAX: count(1 * MiB, 64 * 1024 * MiB).optional(),
    /** The API's own, for jobs of a release that promised nothing. */
    ...retentionVariables(),
  })
  .refine(keepsRecordLongest, { path: ['RETENTION_RECORD_DAYS'], message: RECORD_MUST_BE });

export type WorkerConfig = {
  dataDir: string;
  modelsDirs: string[];
  weightsDir: string;
  localSlots: number;
  dockerSocket: string;
  stagerEntry: string;
  healthPort: number;
  sweepIntervalMs: number;
  outputBytesMax: number | null;
  retention: Retention;
};

/** Throws one Error with a sentence per variable that is wrong. */
export function parseConfig(env: Record<string, string | undefined>): WorkerConfig {
  const parsed = envSchema.safeParse(env);
  if (!parsed.success) {
    throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}.`).join('\n'));
  }
  const { data } = parsed;
  return {
    dataDir: resolve(data.DATA_DIR),
    modelsDirs: data.MODELS_DIRS.split(':').map((dir) => resolve(dir)),
    weightsDir: resolve(data.WEIGHTS_DIR ?? join(data.DATA_DIR, 'weights')),
    localSlots: data.LOCAL_SLOTS,
    dockerSocket: data.DOCKER_SOCKET,
    stagerEntry: resolve(data.STAGER_ENTRY),
    healthPort: data.HEALTH_PORT,
    sweepIntervalMs: data.SWEEP_INTERVAL_MS,
    outputBytesMax: data.OUTPUT_BYTES_MAX ?? null,
    retention: retentionOf(data),
  };
}
