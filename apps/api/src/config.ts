import {
  keepsRecordLongest,
  LIMITS,
  RECORD_MUST_BE,
  retentionOf,
  retentionVariables,
  type Retention,
} from '@bpi/job-contract';
import { z } from 'zod';
import { limitSettings, limitVariables } from './limits/limit-variables.ts';

/** A variable that must be a whole number from `min` to `max`; every wrong value gets the one sentence. */
function wholeNumber(name: string, range: { min: number; max: number; note?: string }): z.ZodCoercedNumber {
  const sentence = `${name} must be a number from ${range.min}${range.note ?? ''} to ${range.max}.`;
  return z.coerce.number(sentence).int(sentence).min(range.min, sentence).max(range.max, sentence);
}

/** Each variable with the sentence that a wrong value is answered with. Values are never repeated. */
const envSchema = z
  .object({
    HOST: z.string().default('127.0.0.1'),
    PORT: wholeNumber('PORT', { min: 0, max: 65_535, note: ' (any free port)' }).default(8080),
    DATA_DIR: z.string().default('./data'),
    MODELS_DIRS: z.string().default('apps/models'),
    DEFAULT_MODEL: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,47}$/, 'DEFAULT_MODEL must be the name of a model in the catalogue.')
      .optional(),
    LOCAL_SLOTS: wholeNumber('LOCAL_SLOTS', { min: 1, max: 64 }).default(1),
    UPLOAD_BYTES_MAX: wholeNumber('UPLOAD_BYTES_MAX', { min: 1024, max: LIMITS.uploadBytesMax }).default(
      LIMITS.uploadBytesMax,
    ),
    ...limitVariables((name, mustBe) => `${name} ${mustBe}.`),
    /** Port of `/metrics`; 0 = none. */
    METRICS_PORT: wholeNumber('METRICS_PORT', { min: 0, max: 65_535, note: ' (none)' }).default(0),
    METRICS_HOST: z.string().default('127.0.0.1'),
    GPU: z.enum(['0', '1'], 'GPU must be 0 or 1.').default('0'),
    ...retentionVariables((name, mustBe) => `${name} ${mustBe}.`),
  })
  .refine(keepsRecordLongest, `RETENTION_RECORD_DAYS ${RECORD_MUST_BE}.`);

export type Config = {
  host: string;
  /** True if only this machine can reach `host`. */
  isLoopback: boolean;
  port: number;
  dataDir: string;
  modelsDirs: string[];
  defaultModel: string | null;
  localSlots: number;
  uploadBytesMax: number;
  limits: ReturnType<typeof limitSettings>;
  /** Where `/metrics` is; null = nowhere. */
  metricsAt: { host: string; port: number } | null;
  hasGpu: boolean;
  retention: Retention;
};

/** Settings that cannot work. The message has one sentence per wrong variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** An empty variable counts as absent. @throws ConfigError */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = envSchema.safeParse(given);
  if (!parsed.success) throw new ConfigError([...new Set(parsed.error.issues.map((issue) => issue.message))].join(' '));
  const { data } = parsed;
  const modelsDirs = data.MODELS_DIRS.split(':').filter((dir) => dir !== '');
  if (modelsDirs.length === 0) throw new ConfigError('MODELS_DIRS must be folders, separated by colons.');
  return {
    host: data.HOST,
    isLoopback: isLoopbackHost(data.HOST),
    port: data.PORT,
    dataDir: data.DATA_DIR,
    modelsDirs,
    defaultModel: data.DEFAULT_MODEL ?? null,
    localSlots: data.LOCAL_SLOTS,
    uploadBytesMax: data.UPLOAD_BYTES_MAX,
    limits: limitSettings(data),
    metricsAt: metricsAtOf(data),
    hasGpu: data.GPU === '1',
    retention: retentionOf(data),
  };
}

/** Port 0 stands for no listener at all. */
export function metricsAtOf(env: { METRICS_HOST: string; METRICS_PORT: number }): Config['metricsAt'] {
  return env.METRICS_PORT === 0 ? null : { host: env.METRICS_HOST, port: env.METRICS_PORT };
}

/** 127.0.0.0/8, ::1 and localhost. A name that merely resolves to them does not count: it may change. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** The model for requests that name none: the configured one, or the only one. @throws ConfigError */
export function chooseDefaultModel(configured: string | null, names: readonly string[]): string | null {
  if (configured !== null && !names.includes(configured)) {
    throw new ConfigError('DEFAULT_MODEL must be the name of a model in the catalogue.');
  }
  return configured ?? (names.length === 1 ? (names[0] ?? null) : null);
}
