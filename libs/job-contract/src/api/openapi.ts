import { PROBLEM_TYPE, PROBLEMS, type ProblemCode } from '../problems.ts';
import { problemExample } from './examples.ts';
import { problemHeaders, RATE_HEADERS, REQUEST_HEADERS, RESPONSE_HEADERS, type ResponseHeader } from './headers.ts';
import { INFER_FILE, type INFER_FORM } from './infer-form.ts';
import { bodySchemas, jsonSchemaOf, refTo, type JsonSchema } from './json-schema.ts';
import { problemsOf, TAGS, type Answer, type Content, type Route } from './route.ts';
import { ROUTES, UNROUTED_PROBLEMS } from './routes.ts';

/** Of the API as a client sees it; the apps are released together under the same number. */
export const API_VERSION = '0.1.0';

type Ref = { $ref: string };
/** `x-itemSchema`: what OpenAPI 3.2 calls `itemSchema`, of each item of a stream. */
type MediaType = { schema: JsonSchema; 'x-itemSchema'?: JsonSchema; example?: unknown };
type MediaTypes = Readonly<Record<string, MediaType>>;
type Header = Ref | { description: string; schema: JsonSchema; example: unknown; required?: true };
export type OpenApiResponse = { description: string; headers: Readonly<Record<string, Header>>; content?: MediaTypes };
type Parameter = {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description?: string;
  schema: JsonSchema;
  example?: unknown;
};
export type Operation = {
  operationId: string;
  tags: readonly string[];
  summary: string;
  description?: string;
  security: readonly Readonly<Record<string, readonly never[]>>[];
  parameters?: readonly Parameter[];
  requestBody?: { required: true; content: MediaTypes };
  responses: Readonly<Record<string, OpenApiResponse | Ref>>;
};
/** The part of OpenAPI 3.1 that is used here. */
export type OpenApi = {
  openapi: '3.1.1';
  info: { title: string; version: string; description: string };
  servers: readonly { url: string }[];
  tags: readonly { name: string; description: string }[];
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: {
    schemas: Readonly<Record<string, JsonSchema>>;
    headers: Readonly<Record<string, Header>>;
    /** By problem code: what a route answers that refuses with no other code of the same status. */
    responses: Readonly<Record<string, OpenApiResponse>>;
    securitySchemes: Readonly<Record<string, { type: 'http'; scheme: 'bearer'; description: string }>>;
  };
};

const DESCRIPTION = `A job platform for 3D medical image segmentation: submit a volume, ask how far it is, fetch the mask.
Research software, not for clinical use.

- **Errors** are problem+json (RFC 9457) with a \`code\` from a closed list, whose \`fault\` it was, and whether it is
  \`retryable\`. [Every code, and what to do](/docs/errors). Nothing that you sent is repeated in them.
- **Ids**: a job that is not yours answers as one that never was: 404.
- **Limits** of uploads and models are those of the deployment: \`GET /models\` shows them.
- **HEAD** is answered wherever GET is. Another method on a path that is listed here answers 405 \`method_not_allowed\`
  and \`Allow\`; a path that is not, 404 \`not_found\`. What is no HTTP at all gets a bare 400 or 431.`;

const KEY_SCHEME = 'apiKey';

/** The whole API as OpenAPI 3.1, from `ROUTES` and the schemas that the API itself parses with. Pure. */
export function openApiDocument(): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of ROUTES) (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  const refusals = ROUTES.flatMap((route) => [...problemsOf(route).values()]);
  const alone = new Set([...UNROUTED_PROBLEMS, ...refusals.filter(({ length }) => length === 1).flat()]);
  return {
    openapi: '3.1.1',
    info: { title: 'BiomedParse inference', version: API_VERSION, description: DESCRIPTION },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: bodySchemas(),
      headers: headerComponents(),
      responses: Object.fromEntries([...alone].map((code) => [code, refusalOf([code])])),
      securitySchemes: {
        [KEY_SCHEME]: {
          type: 'http',
          scheme: 'bearer',
          description: 'A key of yours, bpi_…. A machine that listens on loopback and has no keys asks for none.',
        },
      },
    },
  };
}

function operationOf(route: Route): Operation {
  const answers = route.answers.map((answer) => [String(answer.status), responseOf(answer, route.access)] as const);
  const refusals = [...problemsOf(route)].map(([status, codes]) => {
    const ref = { $ref: `#/components/responses/${codes[0]}` };
    return [String(status), codes.length === 1 ? ref : refusalOf(codes)] as const;
  });
  const parameters = parametersOf(route);
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    security: route.access === 'key' ? [{ [KEY_SCHEME]: [] }] : [],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.form === undefined ? {} : { requestBody: { required: true, content: formContent(route.form) } }),
    // Whole numbers are sorted among an object's names anyway.
    responses: Object.fromEntries([...answers, ...refusals]),
  };
}

function parametersOf(route: Route): readonly Parameter[] {
  const path = Object.entries(route.params ?? {}).map(([name, { schema, description, example }]) => {
    return { name, in: 'path', required: true, description, schema: jsonSchemaOf(schema), example } as const;
  });
  const query = Object.entries(route.query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = jsonSchemaOf(schema);
    const required = !schema.safeParse(undefined).success;
    return {
      name,
      in: 'query',
      required,
      ...(typeof description === 'string' ? { description } : {}),
      schema: rest,
    } as const;
  });
  const headers = (route.headers ?? []).map((name) => {
    const { description, schema } = REQUEST_HEADERS[name];
    return { name, in: 'header', required: false, description, schema: jsonSchemaOf(schema) } as const;
  });
  return [...path, ...query, ...headers];
}

/** No encodings: those that OpenAPI assumes (bytes as bytes, objects as JSON text) are the ones that are meant. */
function formContent(form: typeof INFER_FORM): MediaTypes {
  // `format` says again what `contentMediaType` says, for readers that know OpenAPI 3.0.
  const file = { type: 'string', format: 'binary', contentMediaType: 'application/octet-stream', ...INFER_FILE };
  const fields = Object.entries(form).map(([name, field]) => {
    const schema = 'json' in field ? refTo(field.json) : jsonSchemaOf(field.schema);
    return [name, { ...schema, description: field.description, examples: [field.example] }];
  });
  const properties = { file, ...Object.fromEntries(fields) };
  return {
    'multipart/form-data': { schema: { type: 'object', properties, required: ['file'], additionalProperties: false } },
  };
}

function responseOf(
  { description, headers = [], mayHave = [], content }: Answer,
  access: Route['access'],
): OpenApiResponse {
  const sometimes = [...mayHave, ...(access === 'key' ? RATE_HEADERS : [])];
  const named = content.map((one) => [one.mediaType, mediaTypeOf(one)] as const);
  return {
    description,
    headers: headersOf({ always: headers, sometimes }),
    ...(named.length === 0 ? {} : { content: Object.fromEntries(named) }),
  };
}

function mediaTypeOf({ body, items, example }: Content): MediaType {
  return {
    schema: contentSchema(body),
    ...(items === undefined ? {} : { 'x-itemSchema': { oneOf: items.map(refTo) } }),
    ...(example === undefined ? {} : { example }),
  };
}

function contentSchema(body: Content['body']): JsonSchema {
  switch (body) {
    case 'any':
    case 'bytes':
      return {};
    case 'text':
      return { type: 'string' };
    default:
      return refTo(body);
  }
}

/** Problems that share a status share a response, which lists their codes. */
function refusalOf(codes: readonly ProblemCode[]): OpenApiResponse {
  const [first = 'internal'] = codes;
  const always = problemHeaders(first).filter((name) => codes.every((code) => problemHeaders(code).includes(name)));
  const some = codes.flatMap(problemHeaders).filter((name) => !always.includes(name));
  const sometimes = [...some, ...RATE_HEADERS];
  const narrowed = { type: 'object', properties: { status: { const: PROBLEMS[first].status }, code: { enum: codes } } };
  return {
    description: codes.map((code) => `- \`${code}\`: ${PROBLEMS[code].title}`).join('\n'),
    headers: headersOf({ always, sometimes }),
    content: {
      [PROBLEM_TYPE]: { schema: { allOf: [refTo('Problem'), narrowed] }, example: problemExample(first) },
    },
  };
}

function headersOf(names: {
  always: readonly ResponseHeader[];
  sometimes: readonly ResponseHeader[];
}): Readonly<Record<string, Header>> {
  const always = ['X-Request-Id' as const, ...names.always].map((name) => {
    return [name, { $ref: `#/components/headers/${name}` }] as const;
  });
  const sometimes = names.sometimes.map((name) => {
    const { description, schema, example } = RESPONSE_HEADERS[name];
    return [name, { description, schema: jsonSchemaOf(schema), example }] as const;
  });
  return Object.fromEntries([...always, ...sometimes]);
}

/** Those that are always there; where one is there sometimes it is written out, for it is not required then. */
function headerComponents(): Readonly<Record<string, Header>> {
  const headers = Object.entries(RESPONSE_HEADERS).map(([name, { description, schema, example }]) => {
    return [name, { description, required: true, schema: jsonSchemaOf(schema), example }] as const;
  });
  return Object.fromEntries(headers);
}
