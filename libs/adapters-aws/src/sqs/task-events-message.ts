import { jobIdSchema, type JobId } from '@bpi/job-contract';
import { z } from 'zod';

const SOURCE = 'bpi.stager';
const PROGRESS = 'Attempt Progress';
const HEARTBEAT = 'Attempt Heartbeat';

const attempt = { job_id: jobIdSchema, epoch: z.int().min(1).max(1_000) };

/** What a task's own stager sends to the task-events queue, in the outer shape of EventBridge's events; what is not known here is ignored. */
const stagerMessageSchema = z.discriminatedUnion('detail-type', [
  z.object({
    source: z.literal(SOURCE),
    'detail-type': z.literal(PROGRESS),
    detail: z.object({
      ...attempt,
      fraction: z.number().min(0).max(1),
      /** One of the model's own `progress_steps`. */
      step: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/),
    }),
  }),
  z.object({
    source: z.literal(SOURCE),
    'detail-type': z.literal(HEARTBEAT),
    detail: z.object(attempt),
  }),
]);

export type StagerMessage =
  | { kind: 'progress'; jobId: JobId; epoch: number; fraction: number; step: string }
  /** The model started, or is still at work: look at the job. */
  | { kind: 'heartbeat'; jobId: JobId; epoch: number };

/** The body of the SQS message. */
export function stagerMessageBody(message: StagerMessage): string {
  const { jobId, epoch } = message;
  const attempt = { job_id: jobId, epoch };
  const body: z.infer<typeof stagerMessageSchema> =
    message.kind === 'progress'
      ? {
          source: SOURCE,
          'detail-type': PROGRESS,
          detail: { ...attempt, fraction: message.fraction, step: message.step },
        }
      : { source: SOURCE, 'detail-type': HEARTBEAT, detail: attempt };
  return JSON.stringify(body);
}

/** @param body a parsed message body. Null if it is not one of ours, or not whole. */
export function parseStagerMessage(body: unknown): StagerMessage | null {
  const parsed = stagerMessageSchema.safeParse(body);
  if (!parsed.success) return null;
  const { detail } = parsed.data;
  const { job_id: jobId, epoch } = detail;
  return 'fraction' in detail
    ? { kind: 'progress', jobId, epoch, fraction: detail.fraction, step: detail.step }
    : { kind: 'heartbeat', jobId, epoch };
}
