import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FAILURE_CODES, openApiDocument, PROBLEM_CODES, problemType } from '@bpi/job-contract';
import { makeKey, problemOf, startTestApi, type TestApi } from './testing/api-harness.ts';

const PAGES = ['/docs', '/docs/errors'];
const FILES = ['/docs/docs.css', '/docs/docs.js', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js'];

let api: TestApi;
beforeAll(async () => {
  // Where everything else needs a key.
  api = await startTestApi({ settings: { keyless: 'refused' } });
  await makeKey(api, 'clinic-a');
});
afterAll(async () => api.close());

const textOf = async (path: string): Promise<string> => (await fetch(api.url + path)).text();

describe('the documentation', () => {
  it('is the document that the contract makes', async () => {
    const response = await fetch(`${api.url}/openapi.json`);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual(openApiDocument());
  });

  it.each(['/openapi.json', ...PAGES, ...FILES])('%s needs no key, and is asked for again at no cost', async (path) => {
    const first = await fetch(api.url + path);
    const bytes = (await first.arrayBuffer()).byteLength;
    expect([first.status, bytes > 0, first.headers.get('content-length')]).toEqual([200, true, String(bytes)]);
    const etag = first.headers.get('etag') ?? '';
    const again = await fetch(api.url + path, { headers: { 'If-None-Match': etag } });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    const head = await fetch(api.url + path, { method: 'HEAD' });
    expect([head.status, await head.text(), head.headers.get('content-length')]).toEqual([200, '', String(bytes)]);
    const other = await fetch(api.url + path, { headers: { 'If-None-Match': '"other"' } });
    expect(other.status).toBe(200);
    await other.arrayBuffer();
  });

  it('lets a page load from this host only, and run nothing that is written inside it', async () => {
    for (const path of PAGES) {
      const response = await fetch(api.url + path);
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      const html = await response.text();
      expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/);
      expect(html).not.toMatch(/(https?:)?\/\/\w/);
    }
  });

  it('has everything that its pages refer to', async () => {
    const html = (await Promise.all(PAGES.map(textOf))).join('');
    const script = await textOf('/docs/docs.js');
    const references = [...html.matchAll(/(?:href|src)="(\/[^"]*)"/g), ...script.matchAll(/url: '([^']+)'/g)];
    const paths = new Set(references.map(([, path = '']) => path));
    expect([...paths].sort()).toEqual(['/docs', '/openapi.json', ...FILES].sort());
    // What is drawn comes along in the style sheets, or it would be stopped by the policy.
    const styles = (await Promise.all(FILES.filter((path) => path.endsWith('.css')).map(textOf))).join('');
    expect([...styles.matchAll(/url\((?!["']?data:)/g)]).toEqual([]);
    expect(styles).not.toContain('@import');
  });

  it('keeps no key beyond the page, and asks no validator elsewhere about the document', async () => {
    const script = await textOf('/docs/docs.js');
    expect(script).toContain('persistAuthorization: false');
    expect(script).toContain('validatorUrl: null');
  });

  it('hands out its own files only', async () => {
    for (const path of ['/docs/package.json', '/docs/..%2fmain.js', '/docs/constructor', '/docs/swagger-ui.css.map']) {
      const response = await fetch(api.url + path);
      expect([path, response.status, (await problemOf(response)).code]).toEqual([path, 404, 'not_found']);
    }
  });
});

describe('the type of a problem', () => {
  it('leads to what explains it', async () => {
    const response = await fetch(`${api.url}/models`);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: 'unauthorized', type: problemType('unauthorized') });
    const explained = new URL(problem.type, response.url);
    const html = await (await fetch(explained)).text();
    expect(html).toContain(`id="${explained.hash.slice(1)}"`);
  });

  it('has a place of its own for every code', async () => {
    const html = await textOf('/docs/errors');
    const anchors = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(anchors).toEqual([...PROBLEM_CODES, ...FAILURE_CODES]);
    expect(new Set(anchors).size).toBe(anchors.length);
  });
});
