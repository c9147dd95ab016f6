import type { z } from 'zod';
import { ProblemError } from './http/problem-error.ts';

/**
 * A route's query, by its schema. One that the route does not know is refused, not ignored: a condition with a slip of
 * the pen would be no condition. @throws ProblemError that names the parameters of ours that are at fault
 */
export function parseQuery<T extends z.ZodObject>(schema: T, query: unknown): z.output<T> {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const named = parsed.error.issues.map((issue) => issue.path[0]);
  throw new ProblemError('query_invalid', { fields: Object.keys(schema.shape).filter((name) => named.includes(name)) });
}
