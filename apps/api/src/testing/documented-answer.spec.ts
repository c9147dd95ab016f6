import { describe, expect, it } from '@jest/globals';
import { undocumentedIn, type SentAnswer } from './documented-answer.ts';

const REQUEST_ID = 'd9428888-122b-4c1b-9b3c-1f2e3d4c5b6a';
const problem = {
  type: '/docs/errors#not_found',
  title: 'No.',
  status: 404,
  code: 'not_found',
  fault: 'user',
  retryable: false,
  instance: REQUEST_ID,
};

function answer(given: Partial<Omit<SentAnswer, 'headers'>> & { headers?: Record<string, string> } = {}): SentAnswer {
  const headers = { 'x-request-id': REQUEST_ID, 'content-type': 'application/json', ...given.headers };
  const body = JSON.stringify({ status: 'ready' });
  return {
    method: 'GET',
    path: '/health/ready',
    status: 200,
    body,
    ...given,
    headers: new Map(Object.entries(headers)),
  };
}

const refusal = (given: Partial<SentAnswer> = {}, headers: Record<string, string> = {}): SentAnswer =>
  answer({
    path: '/status/{job_id}',
    status: 404,
    body: JSON.stringify(problem),
    ...given,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });

describe('an answer as documented', () => {
  it.each([
    ['a body', answer()],
    ['HEAD without one', answer({ method: 'HEAD', body: '' })],
    ['a refusal', refusal()],
    ['an unknown path', refusal({ path: null })],
  ])('is %s', (_, sent) => {
    expect(undocumentedIn(sent)).toEqual([]);
  });
});

describe('an answer is found out that has', () => {
  it.each([
    ['another status', answer({ status: 201 })],
    ['another body', answer({ body: JSON.stringify({ status: 'live' }) })],
    ['a field too many', answer({ body: JSON.stringify({ status: 'ready', since: 1 }) })],
    ['another media type', answer({ headers: { 'content-type': 'text/html' } })],
    ['no request id', { ...answer(), headers: new Map([['content-type', 'application/json']]) }],
    ['a malformed header', refusal({ status: 416, path: '/result/{job_id}' }, { 'content-range': 'all' })],
    ['a header that is documented elsewhere', answer({ headers: { location: '/status/x' } })],
    ['a header that is documented nowhere', answer({ headers: { 'x-powered-by': 'x' } })],
    ['a code of another status', refusal({ body: JSON.stringify({ ...problem, code: 'gone' }) })],
    ['a code of another route', refusal({ body: JSON.stringify({ ...problem, code: 'range_invalid' }) })],
    ['a refusal that the route does not know', refusal({ status: 409 })],
    ['a body where there is none', answer({ path: '/docs', status: 304, headers: { etag: `"${'a'.repeat(32)}"` } })],
    ['no Allow for an unknown method', refusal({ method: 'PUT', status: 405 })],
    ['something to say where there is no route', answer({ path: null })],
  ])('%s', (_, sent) => {
    expect(undocumentedIn(sent)).not.toEqual([]);
  });
});
