import { LIMITS } from '@bpi/job-contract';
import { z } from 'zod';
import { DEFAULT_SETTINGS, type ApiSettings } from '../settings.ts';
import { RATE_OPERATIONS, type RateOperation, type RatePolicies } from './rate-limits.ts';

/** Makes the sentence of a wrong variable out of what it must be. */
type Say = (name: string, mustBe: string) => string;

const TiB = 1024 ** 4;
const { rates } = DEFAULT_SETTINGS;

/** The limits that a deployment may set, in the words of either composition. */
export function limitVariables(say: Say) {
  const number = (name: string, min: number, max: number) => {
    const sentence = say(name, `must be a whole number from ${min} to ${max}`);
    return z.coerce.number(sentence).int(sentence).min(min, sentence).max(max, sentence);
  };
  return {
    UPLOADS_PER_CLIENT_MAX: number('UPLOADS_PER_CLIENT_MAX', 1, 1_000).default(DEFAULT_SETTINGS.uploadsPerClientMax),
    UPLOADS_MAX: number('UPLOADS_MAX', 1, 10_000).default(DEFAULT_SETTINGS.uploadsMax),
    /** Of the lengths that uploads under way declare. */
    BYTES_IN_FLIGHT_PER_CLIENT_MAX: number('BYTES_IN_FLIGHT_PER_CLIENT_MAX', 1, TiB).default(
      DEFAULT_SETTINGS.bytesInFlightPerClientMax,
    ),
    BYTES_IN_FLIGHT_MAX: number('BYTES_IN_FLIGHT_MAX', 1, TiB).default(DEFAULT_SETTINGS.bytesInFlightMax),
    QUEUED_JOBS_PER_CLIENT_MAX: number('QUEUED_JOBS_PER_CLIENT_MAX', 1, LIMITS.queuedJobsPerClientMax).default(
      DEFAULT_SETTINGS.queuedJobsPerClientMax,
    ),
    /** Room that uploads must leave free on every disk that they lie on. */
    DISK_RESERVE_BYTES: number('DISK_RESERVE_BYTES', 0, TiB).default(DEFAULT_SETTINGS.scratchReserveBytes),
    /** Requests per seconds for each key: `submit=1000/10,status=20000/10`; what is not named keeps its default. */
    RATE_LIMITS: ratesVariable(say('RATE_LIMITS', `must be rates like submit=1000/10,${RATE_OPERATIONS.at(-1)}=50/1`)),
  };
}

function ratesVariable(sentence: string) {
  return z
    .string(sentence)
    .default('')
    .transform((text, context): RatePolicies => {
      const given = text === '' ? [] : text.split(',').map(parseRate);
      const names = given.map((rate) => rate?.[0]);
      if (names.includes(undefined) || new Set(names).size < names.length) {
        context.addIssue({ code: 'custom', message: sentence });
        return z.NEVER;
      }
      return { ...rates, ...Object.fromEntries(given.flatMap((rate) => (rate === null ? [] : [rate]))) };
    });
}

function parseRate(text: string): readonly [RateOperation, RatePolicies[RateOperation]] | null {
  const [, name, quota, windowS] = /^([a-z]+)=([1-9]\d{0,8})\/([1-9]\d{0,4})$/.exec(text) ?? [];
  const operation = RATE_OPERATIONS.find((one) => one === name);
  return operation === undefined ? null : [operation, { quota: Number(quota), windowS: Number(windowS) }];
}

type LimitEnv = z.infer<z.ZodObject<ReturnType<typeof limitVariables>>>;

/** What is set by the limits' variables. */
export function limitSettings(env: LimitEnv) {
  return {
    uploadsPerClientMax: env.UPLOADS_PER_CLIENT_MAX,
    uploadsMax: env.UPLOADS_MAX,
    bytesInFlightPerClientMax: env.BYTES_IN_FLIGHT_PER_CLIENT_MAX,
    bytesInFlightMax: env.BYTES_IN_FLIGHT_MAX,
    queuedJobsPerClientMax: env.QUEUED_JOBS_PER_CLIENT_MAX,
    scratchReserveBytes: env.DISK_RESERVE_BYTES,
    dataReserveBytes: env.DISK_RESERVE_BYTES,
    rates: env.RATE_LIMITS,
  } satisfies Partial<ApiSettings>;
}
