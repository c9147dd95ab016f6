import { z } from 'zod';
import { BODIES, type BodyName } from './bodies.ts';

/** A JSON Schema of draft 2020-12, which is that of OpenAPI 3.1. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** As it goes over the wire: for an answer what is sent, for a query what its text means. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return withoutHead(z.toJSONSchema(schema, { override }));
}

/** All of `BODIES`, each referring to the others by name. */
export function bodySchemas(): Readonly<Record<string, JsonSchema>> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(BODIES)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: bodyRef, override });
  // In the order of `BODIES`.
  return Object.fromEntries(Object.keys(BODIES).map((name) => [name, withoutHead(schemas[name] ?? {})]));
}

export function refTo(body: BodyName): JsonSchema {
  return { $ref: bodyRef(body) };
}

function bodyRef(name: string): string {
  return `#/components/schemas/${name}`;
}

/** Where a schema lies in the document says what it is called and which dialect it is in. */
function withoutHead(schema: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => keyword !== '$schema' && keyword !== '$id'));
}

function override({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  // That a whole number is exact in a double goes without saying.
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  // Classes of Unicode characters: many readers, such as Python's, refuse the whole document for one.
  if (jsonSchema.pattern?.includes('\\p{') === true) delete jsonSchema.pattern;
}
