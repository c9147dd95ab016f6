import { z } from 'zod';
import { idempotencyKeySchema } from '../http.ts';
import { lastEventIdSchema } from '../life-events.ts';
import { retryAfterSOf, type ProblemCode } from '../problems.ts';

type Header = { description: string; schema: z.ZodType; example: string | number };

const entityTag = z.string().regex(/^"[0-9a-f]{32,64}"$/);

/**
 * Headers of a request that mean something here, beside `Authorization` and those of the body. Without examples: a page on
 * which requests are tried would send them.
 */
export const REQUEST_HEADERS = {
  'Idempotency-Key': {
    description:
      'Your own name for this submission, kept 24 hours. Sending the same again, also at the same time, answers the same ' +
      'job; with another payload it is refused.',
    schema: idempotencyKeySchema,
  },
  'If-None-Match': {
    description: 'An ETag as it was answered: as long as it fits, the answer is 304 without a body.',
    schema: z.string(),
  },
  'Last-Event-ID': {
    description: 'The id of the last event that you have, as it was sent: the stream goes on behind it.',
    schema: lastEventIdSchema,
  },
  Range: {
    description: 'One range of bytes, for a download that goes on. Several ranges are answered with the whole.',
    schema: z.string(),
  },
  'If-Range': {
    description: 'The ETag that the range belongs to: with another one the whole is answered.',
    schema: z.string(),
  },
} as const satisfies Record<string, Omit<Header, 'example'>>;
export type RequestHeader = keyof typeof REQUEST_HEADERS;

/** Headers of an answer that tell a client something; those that every answer has for safety's sake are not here. */
export const RESPONSE_HEADERS = {
  'X-Request-Id': {
    description: 'Our id of this request, the same as in our log. Name it when you report a problem.',
    schema: z.string().meta({ format: 'uuid' }),
    example: 'd9428888-122b-4c1b-9b3c-1f2e3d4c5b6a',
  },
  Location: {
    description:
      'With 202 the status of the job; with 303 a signed link that lives minutes. Follow that without your key.',
    schema: z.string().meta({ format: 'uri-reference' }),
    example: '/status/0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203',
  },
  'Idempotency-Replayed': {
    description: 'Present if this key was used before: the answer is about the job of that time.',
    schema: z.literal('true'),
    example: 'true',
  },
  ETag: {
    description: 'Changes with the body. Send it as If-None-Match. Of an artifact it is the SHA-256.',
    schema: entityTag,
    example: '"0123456789abcdef0123456789abcdef"',
  },
  'Retry-After': { description: 'Seconds to wait before asking again.', schema: z.int().min(1), example: 1 },
  'RateLimit-Policy': {
    description: 'How many requests of this kind your key may make: a quota `q` in a window of `w` seconds.',
    schema: z.string().regex(/^"[a-z]+";q=\d+;w=\d+$/),
    example: '"status";q=20000;w=10',
  },
  RateLimit: {
    description: 'How many of them are left, and in how many seconds all are there again. Once your key is known.',
    schema: z.string().regex(/^"[a-z]+";r=\d+;t=\d+$/),
    example: '"status";r=19999;t=1',
  },
  Allow: { description: 'The methods that this path takes.', schema: z.string(), example: 'GET, HEAD' },
  'Preference-Applied': {
    description:
      'For how many seconds the answer was allowed to be held: less than asked for, or 0, where too many wait.',
    schema: z.string().regex(/^wait=\d{1,2}$/),
    example: 'wait=25',
  },
  'WWW-Authenticate': { description: 'How to authenticate.', schema: z.literal('Bearer'), example: 'Bearer' },
  'Accept-Ranges': { description: 'Downloads may be taken up again.', schema: z.literal('bytes'), example: 'bytes' },
  'Content-Range': {
    description: 'Which bytes these are, and of how many.',
    schema: z.string().regex(/^bytes (\d+-\d+|\*)\/\d+$/),
    example: 'bytes 0-1023/4096',
  },
  'Content-Disposition': {
    description: 'The name of the artifact; never one of yours.',
    schema: z.string().regex(/^attachment; filename="[a-z_.]+"$/),
    example: 'attachment; filename="pred_mask.npz"',
  },
} as const satisfies Record<string, Header>;
export type ResponseHeader = keyof typeof RESPONSE_HEADERS;

/** On whatever is answered to a caller that is known. */
export const RATE_HEADERS = ['RateLimit-Policy', 'RateLimit'] as const satisfies readonly ResponseHeader[];

/** Headers that always come with a problem of this code. */
export function problemHeaders(code: ProblemCode): readonly ResponseHeader[] {
  return [...(OWN_HEADERS[code] ?? []), ...(retryAfterSOf(code) === null ? [] : (['Retry-After'] as const))];
}

const OWN_HEADERS: Readonly<Partial<Record<ProblemCode, readonly ResponseHeader[]>>> = {
  unauthorized: ['WWW-Authenticate'],
  method_not_allowed: ['Allow'],
  not_ready: ['Retry-After'],
  range_invalid: ['Content-Range'],
};
