import type { z } from 'zod';
import { clientError } from '../ecs-error.ts';
import type { Answer, World } from '../world.ts';

/** Takes what came over the wire. Throws EcsError. */
export type Operation = (world: World, input: unknown) => Answer;

/** Checks the input by the schema first. Messages name the place of a fault, never what was sent. */
export function operation<Schema extends z.ZodType>(
  schema: Schema,
  act: (world: World, input: z.infer<Schema>) => Answer,
): Operation {
  return (world, input) => {
    const parsed = schema.safeParse(input);
    if (parsed.success) return act(world, parsed.data);
    const [issue] = parsed.error.issues;
    const unknown = issue?.code === 'unrecognized_keys' ? ` (${issue.keys.join(', ')}: unknown or not simulated)` : '';
    throw clientError(`Invalid request at ${issue?.path.join('.') || 'its top'}: ${issue?.code ?? ''}${unknown}`);
  };
}
