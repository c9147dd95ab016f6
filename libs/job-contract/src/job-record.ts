import { z } from 'zod';
import { epochSchema, jobIdSchema, sha256Schema } from './ids.ts';
import { LIMITS } from './limits.ts';
import { FAILURE_CODES, FAULTS } from './outcomes.ts';
import { manifestSchema } from './report.ts';
import { FILE_CLASSES, retentionSchema } from './retention.ts';
import { PHASES } from './states.ts';
import { ignoringUnknown, keepingUnknown } from './tolerant-reader.ts';

const timeMs = z.int().nonnegative();

/** A runner's own name for a task (a container name, a task ARN). Opaque to the domain. */
export const taskRefSchema = z.string().min(1).max(256);
export type TaskRef = z.infer<typeof taskRefSchema>;

export const attemptSchema = z.strictObject({
  epoch: epochSchema.min(1),
  claimedAtMs: timeMs,
  /** Whose slot this attempt holds. Chosen by the claim: a job may change pools between attempts. */
  pool: z.string().max(64),
  /** The runner's own name for what exactly runs, pinned so that a repeated launch is identical; null = it pins by itself. */
  definition: z.string().max(256).nullable(),
  /** True for the one retry with the model's smaller settings. */
  shrunk: z.boolean(),
  /** Recorded once a launch answered or an inspection found it. */
  task: taskRefSchema.nullable(),
  /** The runner has the task and no machine for it yet. */
  waitsForCapacity: z.boolean(),
  dispatchFailures: z.int().nonnegative(),
  startedAtMs: timeMs.nullable(),
  /** When the model must have stopped; set when the attempt was first seen running. */
  deadlineAtMs: timeMs.nullable(),
  /** The decision to end this attempt, saved before anything is stopped; it classifies all that is seen later. */
  intent: z.strictObject({ code: z.enum(FAILURE_CODES), atMs: timeMs }).nullable(),
  /** Since when the runner has continuously not known the task; null while it does. */
  missingSinceMs: timeMs.nullable(),
});
export type Attempt = z.infer<typeof attemptSchema>;

export const endedAttemptSchema = z.strictObject({
  epoch: epochSchema.min(1),
  pool: z.string().max(64),
  claimedAtMs: timeMs,
  startedAtMs: timeMs.nullable(),
  endedAtMs: timeMs,
  code: z.enum(FAILURE_CODES).nullable(),
});

/**
 * The record of a job: the only truth about it. Everything else is a wake-up or a projection.
 * It holds no prompt, no file name and no voxel; it changes by `transition` and compare-and-set on `version` only.
 */
export const jobRecordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  jobId: jobIdSchema,
  clientId: z.string().max(64),
  /** The client's own id for the job; shown to that client only, never logged. */
  externalJobId: z.string().max(LIMITS.externalJobIdCharsMax).nullable(),
  model: z.strictObject({ name: z.string().max(64), version: z.string().max(32) }),
  /** Where the first attempt claims its slot; the policy names the pool that a later one may move to. */
  pool: z.string().max(64),
  inputSha256: sha256Schema,
  warnings: z.array(z.string().max(64)).max(16),
  createdAtMs: timeMs,
  /** The first attempt must be seen running before this, and the whole job be over before the other. */
  startDeadlineAtMs: timeMs,
  totalDeadlineAtMs: timeMs,
  attemptTimeoutMs: z.int().positive(),
  /** The model declares smaller settings to fall back on after running out of memory. */
  canShrink: z.boolean(),

  phase: z.enum(PHASES),
  /** 1 for a new job, +1 with every save. */
  version: z.int().positive(),
  /** The newest attempt, also after it ended; null before the first claim. */
  attempt: attemptSchema.nullable(),
  endedAttempts: z.array(endedAttemptSchema).max(LIMITS.attemptsMax),
  /** Retries used, by cause: each cause has its own budget. */
  retries: z.strictObject({ platform: z.int(), capacity: z.int(), interrupted: z.int(), shrunk: z.int() }),
  /** No claim before this time (a retry's backoff). */
  notBeforeMs: timeMs,
  cancelRequestedAtMs: timeMs.nullable(),
  firstRunningAtMs: timeMs.nullable(),
  endedAtMs: timeMs.nullable(),
  error: z.strictObject({ code: z.enum(FAILURE_CODES), fault: z.enum(FAULTS) }).nullable(),
  result: z.strictObject({ epoch: epochSchema.min(1), manifest: manifestSchema }).nullable(),
  /** The version at which the job became terminal, and the one its projections were made from. */
  endedVersion: z.int().nullable(),
  projectedVersion: z.int(),
  /** Stopped tasks of ended attempts, removed after they were kept long enough for a late `launch` to find them. */
  leftovers: z
    .array(z.strictObject({ epoch: epochSchema.min(1), task: taskRefSchema.nullable(), endedAtMs: timeMs }))
    .max(LIMITS.attemptsMax),
  /**
   * The client wants the job gone, or its time is over; null = neither. Its files are removed as soon as it is over
   * (`erasedAtMs`), and once more after its last task was removed (`doneAtMs`); the record stays for ever, as a
   * tombstone. Absent in records of older releases.
   */
  deletion: z
    .strictObject({ requestedAtMs: timeMs, erasedAtMs: timeMs.nullable(), doneAtMs: timeMs.nullable() })
    .nullable()
    .default(null),
  /**
   * How long what is kept about the job is kept, counted from its end: what was promised when it was accepted, whatever
   * the deployment says by now. Null: not promised yet, the deployment's times hold. Absent in records of older releases.
   */
  retention: retentionSchema.nullable().default(null),
  /** Classes whose files were removed because their time was over. */
  expired: z.array(z.enum(FILE_CLASSES)).max(FILE_CLASSES.length).default([]),
});
export type JobRecord = z.infer<typeof jobRecordSchema>;

/** For stores that read a record: what a newer release noted in it survives a save by this one. */
export const storedJobRecordSchema = keepingUnknown(jobRecordSchema);

export const progressSchema = z.strictObject({
  fraction: z.number().min(0).max(1),
  /** One of the steps that the model's `model.json` lists. */
  step: z.string().max(32),
  atMs: timeMs,
});
export type Progress = z.infer<typeof progressSchema>;

/** For stores that read it: nobody saves it again. */
export const storedProgressSchema = ignoringUnknown(progressSchema);
