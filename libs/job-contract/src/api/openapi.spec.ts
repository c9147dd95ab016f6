import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ARTIFACTS } from '../keys.ts';
import { INFER_FIELDS } from '../http.ts';
import { PROBLEM_CODES, PROBLEMS } from '../problems.ts';
import { BODIES } from './bodies.ts';
import { problemExample } from './examples.ts';
import { problemHeaders, RESPONSE_HEADERS } from './headers.ts';
import { INFER_FORM } from './infer-form.ts';
import { API_VERSION, openApiDocument } from './openapi.ts';
import { problemsOf } from './route.ts';
import { allowedMethods, ROUTES, UNROUTED_PROBLEMS } from './routes.ts';

const document = openApiDocument();

/** Every object in a JSON value, with the way to it. */
function* objectsIn(value: unknown, path = '#'): Generator<[string, Readonly<Record<string, unknown>>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [path, value as Readonly<Record<string, unknown>>];
  for (const [name, inner] of Object.entries(value)) yield* objectsIn(inner, `${path}/${name.replaceAll('/', '~1')}`);
}

const objects = new Map(objectsIn(document));

describe('the table of routes', () => {
  it('names each route, path and method once', () => {
    expect(new Set(ROUTES.map(({ id }) => id)).size).toBe(ROUTES.length);
    expect(new Set(ROUTES.map(({ method, path }) => `${method} ${path}`)).size).toBe(ROUTES.length);
  });

  it.each(ROUTES)('declares what the path of $id asks for, and no status twice', (route) => {
    const asked = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(Object.keys(route.params ?? {})).toEqual(asked);
    const statuses = [...route.answers.map(({ status }) => status), ...problemsOf(route).keys()];
    expect(new Set(statuses).size).toBe(statuses.length);
    const codes = [...problemsOf(route).values()].flat();
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('has a place for every code', () => {
    const documented = [...UNROUTED_PROBLEMS, ...ROUTES.flatMap((route) => [...problemsOf(route).values()].flat())];
    expect([...new Set(documented)].sort()).toEqual([...PROBLEM_CODES].sort());
  });

  it('needs a key for everything but health and documentation', () => {
    const open = ROUTES.filter(({ access }) => access === 'public').map(({ path }) => path);
    expect(open.filter((path) => !/^\/(health\/|docs($|\/)|openapi\.json$)/.test(path))).toEqual([]);
  });

  it('says which methods a path takes', () => {
    expect(allowedMethods('/infer')).toEqual(['POST']);
    expect(allowedMethods('/jobs')).toEqual(['GET', 'HEAD']);
    expect(allowedMethods('/nowhere')).toEqual([]);
  });

  it('has examples that its own schemas take', () => {
    const contents = ROUTES.flatMap(({ answers }) => answers.flatMap(({ content }) => content));
    for (const { body, example } of contents) {
      if (example === undefined || body === 'any' || body === 'bytes' || body === 'text') continue;
      // Equal: nothing is filled in, so a reader of the document may take it too.
      expect(BODIES[body].parse(example)).toEqual(example);
    }
    for (const code of PROBLEM_CODES) BODIES.Problem.parse(problemExample(code));
    for (const { schema, example } of Object.values(RESPONSE_HEADERS)) expect(schema.parse(example)).toBe(example);
    for (const field of INFER_FIELDS) {
      const form = INFER_FORM[field];
      const schema = 'json' in form ? BODIES[form.json] : form.schema;
      expect(schema.parse(form.example)).toEqual(form.example);
    }
  });
});

describe('the OpenAPI document', () => {
  it('is the same each time, and JSON', () => {
    expect(openApiDocument()).toEqual(document);
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  it('has the version that the API is released under', () => {
    const path = join(import.meta.dirname, '../../../../apps/api/package.json');
    expect(z.object({ version: z.string() }).parse(JSON.parse(readFileSync(path, 'utf8'))).version).toBe(API_VERSION);
  });

  it('refers only to what it holds', () => {
    const refs = [...objects.values()].flatMap(({ $ref }) => (typeof $ref === 'string' ? [$ref] : []));
    expect(refs.length).toBeGreaterThan(50);
    expect(refs.filter((ref) => !objects.has(ref))).toEqual([]);
  });

  it('uses every body, header and response that it names', () => {
    const refs = new Set([...objects.values()].map(({ $ref }) => $ref));
    const { schemas, headers, responses } = document.components;
    const named = [
      ...Object.keys(schemas).map((name) => `#/components/schemas/${name}`),
      ...Object.keys(responses).map((name) => `#/components/responses/${name}`),
    ];
    expect(named.filter((name) => !refs.has(name))).toEqual(['#/components/responses/method_not_allowed']);
    const mentioned = JSON.stringify([document.paths, responses]);
    expect(Object.keys(headers).filter((name) => !mentioned.includes(`"${name}"`))).toEqual([]);
  });

  it('has patterns that every dialect of regular expressions can read', () => {
    const patterns = [...objects.values()].flatMap(({ pattern }) => (typeof pattern === 'string' ? [pattern] : []));
    expect(patterns.length).toBeGreaterThan(5);
    expect(patterns.filter((pattern) => /\\[pPk]|\\u\{|\(\?[<=!]/.test(pattern))).toEqual([]);
  });

  it('closes every object of ours, so that nothing is told by accident', () => {
    const open = [...objects].filter(
      ([path, { type, properties, additionalProperties }]) =>
        path.startsWith('#/components/schemas/') &&
        type === 'object' &&
        properties !== undefined &&
        additionalProperties !== false,
    );
    expect(open).toEqual([]);
  });

  it('lists under each status the codes that go with it', () => {
    const schema = z.object({
      status: z.object({ const: z.int() }),
      code: z.object({ enum: z.array(z.enum(PROBLEM_CODES)) }),
    });
    const narrowed = [...objects.values()].flatMap((object) => schema.safeParse(object).data ?? []);
    expect(narrowed.length).toBeGreaterThan(10);
    for (const { status, code } of narrowed) {
      expect(code.enum.map((one) => PROBLEMS[one].status)).toEqual(code.enum.map(() => status.const));
    }
  });

  it('requires a header where every code of the status brings it, and only there', () => {
    const infer = document.paths['/infer']?.['post']?.responses ?? {};
    expect(problemHeaders('too_many_uploads')).toEqual(['Retry-After']);
    expect(infer['429']).toMatchObject({ headers: { 'Retry-After': { $ref: '#/components/headers/Retry-After' } } });
    const conflict = document.paths['/result/{job_id}']?.['get']?.responses['409'];
    expect(conflict).toMatchObject({ headers: { 'Retry-After': { schema: { type: 'integer' } } } });
  });

  it('offers every field of the form and every kind of artifact', () => {
    const form = document.paths['/infer']?.['post']?.requestBody?.content['multipart/form-data']?.schema;
    expect(form).toMatchObject({ required: ['file'], additionalProperties: false });
    expect(Object.keys(Object(form).properties)).toEqual(['file', ...INFER_FIELDS]);
    const artifact = document.paths['/result/{job_id}/{artifact}']?.['get']?.responses['200'];
    const mediaTypes = new Set(Object.values(ARTIFACTS).map(({ mediaType }) => mediaType));
    expect(Object.keys(Object(artifact).content)).toEqual([...mediaTypes]);
  });
});
