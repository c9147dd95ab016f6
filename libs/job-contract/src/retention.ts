import { z } from 'zod';
import type { ObjectKind } from './keys.ts';

/**
 * How long things are kept after their job ended: its input, its result (what the model made, published or not), its
 * logs (what else its attempts left), and its record, which becomes a tombstone then and takes along what is left.
 */
export const RETENTION_CLASSES = ['input', 'result', 'logs', 'record'] as const;
export type RetentionClass = (typeof RETENTION_CLASSES)[number];

/** Those that are files. */
export const FILE_CLASSES = ['input', 'result', 'logs'] as const satisfies readonly RetentionClass[];
export type FileClass = (typeof FILE_CLASSES)[number];

/** What kind of object belongs to which class. */
export const CLASS_OF_KIND = { input: 'input', attempt: 'logs', result: 'result' } as const satisfies Record<
  ObjectKind,
  FileClass
>;

const durationMs = z.int().nonnegative();

/** Durations from the end of a job, as they were promised when it was accepted. */
export const retentionSchema = z.strictObject({
  inputMs: durationMs,
  resultMs: durationMs,
  logsMs: durationMs,
  recordMs: durationMs,
});
export type Retention = z.infer<typeof retentionSchema>;

const DAY_MS = 24 * 60 * 60 * 1_000;
/** A quarter of an hour, and a century. */
const DAYS_MIN = 0.01;
const DAYS_MAX = 36_500;

export const RETENTION_DAYS: Readonly<Record<RetentionClass, number>> = { input: 7, result: 30, logs: 30, record: 365 };

/** The name of a deployment's variable for a class. */
export function retentionVariable(kept: RetentionClass): string {
  return `RETENTION_${kept.toUpperCase()}_DAYS`;
}

type RetentionVariables = Record<`RETENTION_${Uppercase<RetentionClass>}_DAYS`, z.ZodDefault<z.ZodCoercedNumber>>;

/**
 * A deployment's variables, to be spread into the schema of an app's environment. Parts of days are taken.
 *
 * @param say makes the sentence for a wrong value out of the variable's name and what it must be.
 */
export function retentionVariables(
  say: (name: string, mustBe: string) => string = (_, mustBe) => mustBe,
): RetentionVariables {
  const daysOf = (kept: RetentionClass) => {
    const sentence = say(retentionVariable(kept), `must be a number of days from ${DAYS_MIN} to ${DAYS_MAX}`);
    return z.coerce.number(sentence).min(DAYS_MIN, sentence).max(DAYS_MAX, sentence).default(RETENTION_DAYS[kept]);
  };
  return {
    RETENTION_INPUT_DAYS: daysOf('input'),
    RETENTION_RESULT_DAYS: daysOf('result'),
    RETENTION_LOGS_DAYS: daysOf('logs'),
    RETENTION_RECORD_DAYS: daysOf('record'),
  };
}

type RetentionDays = Readonly<Record<keyof RetentionVariables, number>>;

/** The record tells of what else is kept, so it goes last. For the schema that the variables were spread into. */
export function keepsRecordLongest(days: RetentionDays): boolean {
  const { RETENTION_RECORD_DAYS, RETENTION_INPUT_DAYS, RETENTION_RESULT_DAYS, RETENTION_LOGS_DAYS } = days;
  return RETENTION_RECORD_DAYS >= Math.max(RETENTION_INPUT_DAYS, RETENTION_RESULT_DAYS, RETENTION_LOGS_DAYS);
}

/** What to say of RETENTION_RECORD_DAYS where it does not. */
export const RECORD_MUST_BE = 'must be no less than the days of input, result and logs';

export function retentionOf(days: RetentionDays): Retention {
  return {
    inputMs: Math.round(days.RETENTION_INPUT_DAYS * DAY_MS),
    resultMs: Math.round(days.RETENTION_RESULT_DAYS * DAY_MS),
    logsMs: Math.round(days.RETENTION_LOGS_DAYS * DAY_MS),
    recordMs: Math.round(days.RETENTION_RECORD_DAYS * DAY_MS),
  };
}

export const DEFAULT_RETENTION: Retention = retentionOf({
  RETENTION_INPUT_DAYS: RETENTION_DAYS.input,
  RETENTION_RESULT_DAYS: RETENTION_DAYS.result,
  RETENTION_LOGS_DAYS: RETENTION_DAYS.logs,
  RETENTION_RECORD_DAYS: RETENTION_DAYS.record,
});
