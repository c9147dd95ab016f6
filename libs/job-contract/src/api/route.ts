import type { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../problems.ts';
import type { BodyName } from './bodies.ts';
import type { RequestHeader, ResponseHeader } from './headers.ts';
import type { INFER_FORM } from './infer-form.ts';

export const TAGS = {
  Jobs: 'Submit a volume, see how far it is, cancel it, delete it.',
  Results: 'What a completed job made.',
  Models: 'What can be asked for, and in which form.',
  Service: 'For load balancers and monitors.',
  Documentation: 'This page, and what it is made from.',
} as const;
export type Tag = keyof typeof TAGS;

export type PathParameter = { schema: z.ZodType; description: string; example: string };

/** A body in one media type: one of `BODIES`, or no JSON at all. `items`: what a stream is made of, each one's data. */
export type Content = {
  mediaType: string;
  body: BodyName | 'bytes' | 'text' | 'any';
  items?: readonly BodyName[];
  example?: unknown;
};

export type Answer = {
  status: number;
  description: string;
  /** Those that are always there; `X-Request-Id` always is. */
  headers?: readonly ResponseHeader[];
  /** Those that are there sometimes; the description or the header itself says when. */
  mayHave?: readonly ResponseHeader[];
  /** None = no body. */
  content: readonly Content[];
};

/**
 * One operation, with everything that a client may meet there. `GET` takes `HEAD` too. The API's controllers, its guard
 * and its answers to wrong methods are checked against this, and the OpenAPI document is made from it.
 */
export type Route = {
  /** What generated clients call it. */
  id: string;
  method: 'GET' | 'POST' | 'DELETE';
  /** As OpenAPI writes it: `/status/{job_id}`. */
  path: string;
  tag: Tag;
  /** `key`: a caller is needed, and sees only what is its own. */
  access: 'key' | 'public';
  summary: string;
  description?: string;
  params?: Readonly<Record<string, PathParameter>>;
  query?: z.ZodObject;
  headers?: readonly RequestHeader[];
  form?: typeof INFER_FORM;
  answers: readonly Answer[];
  /** Beside those that the access brings, see `problemsOf`. */
  problems: readonly ProblemCode[];
};

/** Everything that this route may refuse a request with, by status. */
export function problemsOf(route: Route): ReadonlyMap<number, readonly ProblemCode[]> {
  const codes = [...(route.access === 'key' ? KEY_PROBLEMS : []), ...route.problems, 'internal' as const];
  return Map.groupBy(codes, (code) => PROBLEMS[code].status);
}

/** Of every route that needs a key. */
const KEY_PROBLEMS = ['unauthorized', 'rate_limited'] as const satisfies readonly ProblemCode[];
