import { z } from 'zod';

/*
 * During a roll-out, and after a rollback, an older program reads what a newer one wrote. Schemas here are strict: that is
 * what this release writes, and what it documents. What is read from a store goes through one of these two. Neither
 * forgives anything else: a field that is missing, or not of its kind, is an error as before. ADR 16 says which is used
 * for what, and why some files are read strictly all the same.
 */

/** The same schema, but fields that it does not know stay where they are, at every depth: for what is saved again. */
export function keepingUnknown<T extends z.ZodType>(schema: T): T {
  return withObjects(schema, z.unknown()) as T; // only its objects differ, and those accept more
}

/** The same schema, but fields that it does not know are left out, at every depth: for what is only looked at. */
export function ignoringUnknown<T extends z.ZodType>(schema: T): T {
  return withObjects(schema, undefined) as T; // as above
}

/** @param catchall for keys that an object does not know; undefined = they are left out. */
function withObjects(schema: z.core.$ZodType, catchall: z.core.$ZodType | undefined): z.core.$ZodType {
  const within = (part: z.core.$ZodType) => withObjects(part, catchall);
  // Every schema of zod is one of these; its base type does not say so.
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object': {
      const shape = Object.fromEntries(Object.entries(def.shape).map(([name, part]) => [name, within(part)]));
      return new z.ZodObject({ ...def, shape, catchall });
    }
    case 'array':
      return new z.ZodArray({ ...def, element: within(def.element) });
    case 'tuple':
      return new z.ZodTuple({ ...def, items: def.items.map(within) });
    case 'union':
      // A clone, as some unions have a discriminator.
      return z.clone(schema as z.core.$ZodUnion, { ...def, options: def.options.map(within) });
    case 'nullable':
      return z.nullable(within(def.innerType));
    case 'optional':
      return z.optional(within(def.innerType));
    case 'default':
      return z._default(within(def.innerType), () => def.defaultValue);
    case 'record': // its keys are the client's own
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
    case 'enum':
    case 'literal':
      return schema;
    default:
      throw new Error(`tolerant-reader.ts does not know schemas of type ${def.type}: add how to read one`);
  }
}
