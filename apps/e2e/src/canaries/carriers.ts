import { openAsBlob } from 'node:fs';
import { request } from 'node:http';
import { Canaries } from './traces.ts';

/** Every way by which a client can bring a patient's name. */
export const CARRIERS = [
  'prompt',
  'external_job_id',
  'file_name',
  'file_type',
  'field_name',
  'field_value',
  'params',
  'geometry',
  'model',
  'file_content',
  'header_value',
  'header_name',
  'idempotency_key',
  'request_id',
  'query',
  'path',
  'cursor',
  'last_event_id',
  'host',
  'key',
  'method',
  'body',
] as const;
export type Carrier = (typeof CARRIERS)[number];

export const canaries = new Canaries(CARRIERS);
const name = (carrier: Carrier): string => canaries.nameOf(carrier);

/** What was answered: everything of it, as text. */
export type Answered = { what: string; status: number; text: string };

/** The headers that any request may bring. */
export function namedHeaders(): Record<string, string> {
  return {
    'x-request-id': name('request_id'),
    traceparent: name('request_id'),
    'user-agent': name('header_value'),
    referer: `http://${name('header_value')}/`,
    cookie: `patient=${name('header_value')}`,
    accept: `application/json, x/${name('header_value')}`,
    forwarded: `for=${name('host')}`,
    'x-forwarded-for': name('host'),
    [`x-${name('header_name')}`]: name('header_value'),
  };
}

type Order = { input: string; fields?: Record<string, string>; headers?: Record<string, string>; fileName?: string };

/** POST /infer with a name in everything around the file that makes no difference to the job. */
export async function post(url: string, { input, fields = {}, headers = {}, fileName }: Order): Promise<Response> {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set('file', await openAsBlob(input, { type: `x/${name('file_type')}` }), fileName ?? `${name('file_name')}.npz`);
  return fetch(`${url}/infer?patient=${name('query')}&${name('query')}=1`, {
    method: 'POST',
    body: form,
    headers: { ...namedHeaders(), ...headers },
  });
}

/** Orders that are refused for what they say. `npz`: where an input of that name lies. */
export function refusedOrders(npz: (file: string) => string): Record<string, Order> {
  const input = npz('prompt');
  return {
    'unknown field': { input, fields: { [name('field_name')]: name('field_value') } },
    'nested field': { input, fields: { [`params[${name('field_name')}]`]: name('field_value') } },
    'long field name': { input, fields: { [name('field_name').repeat(20)]: 'x' } },
    'long field': { input, fields: { params: name('params').repeat(5_000) } },
    'external id': { input, fields: { external_job_id: `${name('external_job_id')}\n` } },
    model: { input, fields: { model: name('model') } },
    'params, no JSON': { input, fields: { params: name('params') } },
    'params, key': { input, fields: { params: `{"${name('params')}":1}` } },
    'params, value': { input, fields: { params: `{"behaviour":"${name('params')}"}` } },
    geometry: { input, fields: { geometry: `{"affine":"${name('geometry')}","${name('geometry')}":1}` } },
    'idempotency key': { input, headers: { 'idempotency-key': `${name('idempotency_key')} x` } },
    intensity: { input: npz('refused'), fields: { external_job_id: name('external_job_id') } },
    ...Object.fromEntries(
      ['prompt-key', 'prompt-value', 'pickled-object', 'zip-entry-name', 'no-archive', 'header'].map((file) => [
        file,
        { input: npz(file) },
      ]),
    ),
  };
}

/** Requests without a file that are refused, or answer nothing of a job. */
export function strayRequests(jobId: string): [method: string, path: string, headers: Record<string, string>][] {
  return [
    ['GET', `/${name('path')}`, {}],
    ['GET', `/%FF${name('path')}`, {}],
    ['GET', `/status/${name('path')}`, {}],
    ['GET', `/status/${jobId}?${name('query')}=${name('query')}`, {}],
    ['GET', `/status/${jobId}?wait=${name('query')}`, {}],
    ['GET', `/status/${jobId}`, { 'if-none-match': name('header_value'), authorization: `Bearer ${name('key')}` }],
    ['GET', `/status/${jobId}`, { authorization: name('key') }],
    ['GET', `/status/${jobId}`, { host: name('host') }],
    ['GET', `/jobs?cursor=${name('cursor')}`, {}],
    ['GET', `/jobs?cursor=${Buffer.from(name('cursor')).toString('base64url')}&status=${name('query')}`, {}],
    ['GET', `/jobs?external_job_id=${name('query')}`, {}],
    ['GET', `/jobs/${jobId}/events`, { 'last-event-id': name('last_event_id') }],
    ['GET', `/jobs/${jobId}/logs?tail=${name('query')}`, {}],
    ['GET', `/result/${jobId}/${name('path')}`, { range: `bytes=${name('header_value')}` }],
    ['GET', `/models/${name('path')}`, {}],
    ['GET', `/docs/${name('path')}`, {}],
    ['DELETE', `/jobs/${name('path')}`, {}],
    ['POST', `/jobs/${name('path')}/cancel`, {}],
    ['PUT', `/status/${name('path')}`, {}],
    ['TRACE', `/models?${name('query')}`, {}],
    [name('method'), '/models', {}],
    ['POST', '/infer', { 'content-type': `multipart/form-data; ${name('header_value')}` }],
    ['POST', '/infer', { 'content-type': `multipart/form-data; boundary=${name('header_value')}` }],
    ['POST', '/infer', { 'content-type': 'application/json' }],
  ];
}

/** As it comes, whatever its method and headers; with a body where the method has one. */
export function send(
  url: string,
  [method, path, headers]: ReturnType<typeof strayRequests>[number],
): Promise<Answered> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const asked = request(
      { agent: false, hostname, port, method, path, headers: { ...namedHeaders(), ...headers } },
      (response) => {
        let text = JSON.stringify(response.rawHeaders);
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.once('error', reject);
        response.once('end', () => resolve({ what: `${method} ${path}`, status: response.statusCode ?? 0, text }));
      },
    );
    asked.once('error', reject);
    asked.end(method === 'POST' ? `{"patient":"${name('body')}"}` : undefined);
  });
}
