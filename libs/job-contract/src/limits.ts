/** Every limit of the platform that is not a deployment's own setting. Units are last in the names. */
const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const LIMITS = {
  /** Largest request body's file part; a deployment may lower it. */
  uploadBytesMax: 1 * GiB,
  imgsBytesMax: 2 * GiB,
  voxelsMax: 512 * 1024 * 1024,
  dimMax: 2_048,
  npzMembersMax: 16,
  promptsBytesMax: 256 * KiB,
  promptCountMax: 64,
  promptCharsMax: 1_000,
  paramsBytesMax: 4 * KiB,
  geometryBytesMax: 4 * KiB,
  externalJobIdCharsMax: 128,
  idempotencyKeyCharsMax: 128,
  idempotencyTtlMs: 24 * 60 * 60 * 1000,
  /** What a model may leave in its output folder, measured while it runs. */
  outputBytesMax: 2_000 * MiB,
  modelLogBytesMax: 1 * MiB,
  /** Lines of a model's log that one request may ask for. */
  logTailLinesMax: 10_000,
  progressBytesMax: 1 * MiB,
  /** A model's `metrics.json`: a line per prompt, and some numbers. */
  metricsBytesMax: 64 * KiB,
  reportBytesMax: 64 * KiB,
  metadataBytesMax: 4 * MiB,
  jobFileBytesMax: 512 * KiB,
  /** Attempts a record remembers and may have at all, whatever the causes. */
  attemptsMax: 60,
  /** Longest that a request for a status may ask to be held; a deployment may lower it. */
  statusWaitSecondsMax: 60,
  /** Jobs on one page of a list, and records looked at for one page: a page may be short and not be the last. */
  listPageJobsMax: 100,
  listScanJobsMax: 200,
  /** What one client may have waiting, whatever a deployment sets: they are counted with each upload. */
  queuedJobsPerClientMax: 100_000,
  /** Active jobs that metrics count at most. */
  censusJobsMax: 20_000,
  /** A job's record as JSON. */
  recordBytesMax: 64 * KiB,
} as const;
