import { z } from 'zod';
import { FAULTS } from './outcomes.ts';
import { PHASES } from './states.ts';

/**
 * Logging by allow-list: an event name and fields whose shapes are fixed here. There is no free text, so
 * nothing that a client or a model wrote can reach a log. A field outside its schema is dropped and counted.
 */
const id = z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/);
/** A route's pattern, such as /status/:job_id; never the address that was asked. */
const route = z.string().regex(/^[a-z_.:/-]{1,64}$/);
const word = z.string().regex(/^[a-z0-9_.-]{1,64}$/);
const count = z.number();

/** A container's id, or an ARN. */
const task = z.string().regex(/^[A-Za-z0-9_.:/-]{1,256}$/);
const job = { jobId: id };
const attempt = { ...job, epoch: count };
const failure = {
  errorName: word,
  errorCode: word,
  /** What AWS support asks for. */
  awsRequestId: z.string().regex(/^[A-Za-z0-9_=+/-]{1,128}$/),
  frames: z.array(z.string().regex(/^[\w$.<>#\[\] /@:()*-]{1,200}$/)).max(12),
};

export const LOG_EVENTS = {
  'service.started': { service: word, port: count, pid: count },
  'service.stopping': { service: word, signal: word },
  'service.stopped': { service: word },
  'service.failed': { service: word, ...failure },
  /** `durationMs` is without `heldMs`, the time that the client asked to wait or to be told of a job. */
  'http.request': {
    requestId: id,
    method: word,
    route,
    status: count,
    durationMs: count,
    heldMs: count,
    code: word,
    clientId: id,
  },
  'http.failed': { requestId: id, route, ...failure },
  'job.submitted': { ...job, clientId: id, model: word, bytes: count, durationMs: count, replayed: z.boolean() },
  /** `fault` is there when the job failed, `totalMs` when it ended; `phaseMs` is the time in `from`. */
  'job.phase': {
    ...attempt,
    from: z.enum(PHASES),
    to: z.enum(PHASES),
    code: word,
    fault: z.enum(FAULTS),
    version: count,
    phaseMs: count,
    totalMs: count,
  },
  'job.intent': { ...attempt, code: word },
  'job.cancel': { ...job, clientId: id },
  'job.delete': { ...job, clientId: id },
  /** The files of a job that was deleted, or whose time is over, were removed; `last`: nothing is to follow. */
  'job.erased': { ...job, last: z.boolean() },
  'task.launched': { ...attempt, task, durationMs: count },
  'task.refused': { ...attempt, code: word },
  'task.stopping': { ...attempt, mode: word },
  'task.removed': { ...attempt },
  'task.stage': { ...attempt, stage: word, durationMs: count, exitCode: count },
  'task.orphan': { ...attempt },
  /** The machine of a task is about to be taken away; the task was asked to stop. */
  'task.interrupted': { ...attempt },
  /** A wake-up or an event named a job that is not stored. */
  'job.unknown': { ...job },
  /** A message that is none of ours, about another cluster or attempt, or not whole was thrown away. */
  'task.event.dropped': { reason: word },
  'queue.message.dropped': { reason: word },
  'pool.room': { pool: word, slots: count, free: count },
  'queue.depth': { messages: count },
  'advance.failed': { ...job, ...failure },
  /** A stored record is none of ours, or of a newer release: the sweep and its client's list leave it out. */
  'record.unreadable': { ...job },
  'loop.failed': { loop: word, ...failure },
  'sweep.done': { jobs: count, woken: count, orphans: count, oldestQueuedMs: count, durationMs: count },
  /** What was due by the clock: jobs of which files were removed, and records that became tombstones. */
  'expiry.done': { jobs: count, records: count, failed: count, durationMs: count },
  'cleanup.removed': { kind: word, count },
  /** Whether a job's files are forgotten could not be told, or they could not be removed. */
  'cleanup.failed': { ...job, ...failure },
  'stager.done': { ...attempt, stage: word, result: word, detail: word, durationMs: count },
} as const satisfies Record<string, Record<string, z.ZodType>>;

export type LogEvent = keyof typeof LOG_EVENTS;
export type LogFields<E extends LogEvent> = {
  [F in keyof (typeof LOG_EVENTS)[E]]?: z.infer<(typeof LOG_EVENTS)[E][F] & z.ZodType>;
};
export type Log = <E extends LogEvent>(event: E, fields?: LogFields<E>) => void;

/**
 * @param write receives one line of JSON without a newline; `main` passes a writer to stdout.
 * @param now milliseconds since 1970.
 */
export function createLog(write: (line: string) => void, now: () => number): Log {
  return (event, fields = {}) => {
    const shapes: Record<string, z.ZodType> = LOG_EVENTS[event];
    const line: Record<string, unknown> = { time: new Date(now()).toISOString(), event };
    let dropped = 0;
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      if (shapes[name]?.safeParse(value).success) line[name] = value;
      else dropped += 1;
    }
    if (dropped > 0) line['dropped'] = dropped;
    write(JSON.stringify(line));
  };
}

/**
 * What may be logged of an error: its class, its code and its stack's frames. Never its message, which may quote a
 * client. A stack begins with the message, and a line of that may look like a frame, so the message is cut off first;
 * where it is not found (it was changed after the error was made) no frame can be trusted.
 */
export function errorFields(error: unknown): {
  errorName: string;
  errorCode?: string;
  awsRequestId?: string;
  frames: string[];
} {
  if (!(error instanceof Error)) return { errorName: 'unknown', frames: [] };
  const stack = error.stack ?? '';
  const messageAt = stack.indexOf(error.message);
  const frames = (messageAt < 0 ? '' : stack.slice(messageAt + error.message.length))
    .split('\n')
    .slice(1)
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 12)
    .map((line) => line.trim().slice(0, 200));
  const code = 'code' in error && typeof error.code === 'string' ? error.code.toLowerCase() : undefined;
  const awsRequestId = 'requestId' in error && typeof error.requestId === 'string' ? error.requestId : undefined;
  return {
    errorName: error.name.toLowerCase(),
    ...(code === undefined ? {} : { errorCode: code }),
    ...(awsRequestId === undefined ? {} : { awsRequestId }),
    frames,
  };
}
