import { openApiDocument, RESPONSE_HEADERS, type OpenApiResponse } from '@bpi/job-contract';
import { z } from 'zod';

/** An answer as it went out. */
export type SentAnswer = {
  method: string;
  /** As OpenAPI writes it; null where no route was found. */
  path: string | null;
  status: number;
  headers: ReadonlyMap<string, string>;
  body: string;
};

/** Headers that say nothing of the API's own: those of HTTP itself, and those that every answer has for safety's sake. */
const SILENT_HEADERS = new Set([
  ...['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding'],
  ...['cache-control', 'vary', 'x-accel-buffering'],
  ...['content-security-policy', 'cross-origin-resource-policy', 'referrer-policy', 'x-content-type-options'],
]);

const schemaSchema = z.record(z.string(), z.unknown());
const mediaTypesSchema = z.record(z.string(), z.object({ schema: schemaSchema }));

// The document as its readers get it: JSON. zod reads schemas whose definitions are beside them, and takes a reference
// that RFC 3986 calls relative for a broken address.
const text = JSON.stringify(openApiDocument())
  .replaceAll('#/components/schemas/', '#/$defs/')
  .replaceAll('"format":"uri-reference"', '"format":"relative"');
const { paths, components } = JSON.parse(text) as ReturnType<typeof openApiDocument>;

/** What the document does not say about this answer, in sentences; none = it is as documented. */
export function undocumentedIn(answer: SentAnswer): readonly string[] {
  const response = responseFor(answer);
  if (response === null) return ['this status is not documented'];
  return [...headerFaults(answer, response), ...bodyFaults(answer, response)];
}

/** Where there is no route or no such method, one problem each is left; a guard may come first. */
function responseFor({ method, path, status }: SentAnswer): OpenApiResponse | null {
  const route = path === null ? undefined : paths[path];
  const operation = route?.[method === 'HEAD' ? 'get' : method.toLowerCase()];
  if (operation !== undefined) return resolved(operation.responses[String(status)]);
  const codes = route === undefined ? ['not_found'] : ['method_not_allowed', 'unauthorized'];
  const responses = codes.map((code) => components.responses[code]);
  return responses.find((one) => one !== undefined && statusOf(one) === status) ?? null;
}

function statusOf(response: OpenApiResponse): unknown {
  return z.object({ example: z.object({ status: z.int() }) }).parse(Object.values(response.content ?? {})[0]).example
    .status;
}

function resolved(response: OpenApiResponse | { $ref: string } | undefined): OpenApiResponse | null {
  if (response === undefined) return null;
  if (!('$ref' in response)) return response;
  return components.responses[response.$ref.split('/').at(-1) ?? ''] ?? null;
}

function headerFaults({ headers }: SentAnswer, response: OpenApiResponse): string[] {
  const faults: string[] = [];
  const documented = new Map(Object.entries(response.headers).map(([name, header]) => [name.toLowerCase(), header]));
  for (const [name, header] of documented) {
    const value = headers.get(name);
    const { required, schema } = '$ref' in header ? componentHeader(header.$ref) : { required: false, ...header };
    if (value === undefined && required) faults.push(`the header ${name} is missing`);
    if (value !== undefined && !isValid(schema, schema['type'] === 'integer' ? Number(value) : value)) {
      faults.push(`the header ${name} is not as its schema says`);
    }
  }
  for (const name of headers.keys()) {
    if (!documented.has(name) && !SILENT_HEADERS.has(name)) faults.push(`the header ${name} is not documented here`);
  }
  return faults;
}

function componentHeader(ref: string): { required: true; schema: Readonly<Record<string, unknown>> } {
  const name = ref.split('/').at(-1) ?? '';
  const header = components.headers[name];
  if (!Object.hasOwn(RESPONSE_HEADERS, name) || header === undefined || !('schema' in header)) {
    throw new Error(`no header component ${name}`);
  }
  return { required: true, schema: header.schema };
}

function bodyFaults({ method, status, headers, body }: SentAnswer, response: OpenApiResponse): string[] {
  const mediaType = headers.get('content-type')?.split(';')[0];
  const contents = mediaTypesSchema.parse(response.content ?? {});
  if (Object.keys(contents).length === 0) {
    return mediaType === undefined && body === '' ? [] : ['a body is not documented here'];
  }
  const content = contents[mediaType ?? ''];
  if (content === undefined) return [`the media type ${mediaType ?? '(none)'} is not documented here`];
  if (method === 'HEAD' || mediaType?.endsWith('json') !== true) return [];
  if (status === 206) return []; // a part of JSON is none
  return isValid(content.schema, JSON.parse(body)) ? [] : ['the body is not as its schema says'];
}

const readers = new WeakMap<object, z.ZodType>();

function isValid(schema: Readonly<Record<string, unknown>>, value: unknown): boolean {
  let reader = readers.get(schema);
  if (reader === undefined) {
    reader = z.fromJSONSchema({ ...schema, $defs: components.schemas });
    readers.set(schema, reader);
  }
  return reader.safeParse(value).success;
}
