import { z } from 'zod';

const jobIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A job's id: UUID version 4 in lower case. We make it; nothing a client wrote ever becomes one. */
export const jobIdSchema = z
  .string()
  .regex(jobIdPattern, 'must be a job id (lower-case UUID version 4)')
  .meta({ format: 'uuid' })
  .brand<'JobId'>();
export type JobId = z.infer<typeof jobIdSchema>;

export function isJobId(text: string): text is JobId {
  return jobIdPattern.test(text);
}

/** Number of an attempt (1, 2, …) and its fencing token; 0 = not claimed yet. */
export const epochSchema = z.int().min(0).max(1_000);

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal');
