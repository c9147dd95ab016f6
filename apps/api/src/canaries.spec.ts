import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobStore } from '@bpi/jobs';
import { inferForm, postInfer, startTestApi, submit, until, type TestApi } from './testing/api-harness.ts';
import { npzOf, promptsMember, uint8Imgs, zip } from './testing/npz.ts';
import { BODY_END, head, inferHead, FILE_PART_HEAD, RawConnection } from './testing/raw-http.ts';

const NAME = 'Mustermann-7Q';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ metrics: 'offered' });
});
afterAll(async () => api.close());

const HEADERS = { 'X-Request-Id': NAME, 'User-Agent': NAME, Referer: `http://${NAME}/`, 'X-Patient': NAME };

/** Requests that carry the name wherever a client can put one; each is answered, by a problem or not. */
async function answers(): Promise<{ texts: string[]; accepted: number }> {
  const plain = npzOf(uint8Imgs());
  const named = new FormData();
  named.set('file', new File([Uint8Array.from(plain)], `${NAME}.npz`, { type: `x/${NAME}` }));
  const forms = [
    named,
    inferForm({ external_job_id: NAME }, npzOf(uint8Imgs(), [promptsMember({ 1: NAME })])),
    inferForm({ external_job_id: `${NAME}\n` }),
    inferForm({ params: `{"${NAME}":1}` }),
    inferForm({ params: `{"resolution":"${NAME}"}` }),
    inferForm({ params: NAME }),
    inferForm({ geometry: `{"${NAME}":1}` }),
    inferForm({ model: NAME }),
    inferForm({ [NAME]: NAME }),
    inferForm({ [`${NAME}[a]`]: NAME }),
    inferForm({ [NAME.repeat(10)]: NAME }),
    inferForm({}, npzOf(uint8Imgs(), [promptsMember({ [NAME]: NAME })])),
    inferForm({}, npzOf(uint8Imgs(), [promptsMember({ 1: `${NAME} [SEP]` })])),
    inferForm({}, zip([{ name: `../${NAME}.npy`, data: uint8Imgs() }])),
    inferForm({}, Buffer.from(NAME)),
  ];
  const texts: string[] = [];
  let accepted = 0;
  for (const form of forms) {
    const response = await postInfer(api, form, HEADERS);
    if (response.status === 202) accepted += 1;
    texts.push(await response.text(), JSON.stringify([...response.headers]));
  }
  const calls: [string, string, Record<string, string>][] = [
    ['GET', `/${NAME}`, {}],
    ['GET', `/status/${NAME}?q=${NAME}`, {}],
    ['GET', `/result/${NAME}/${NAME}`, {}],
    ['GET', `/models/${NAME}`, {}],
    ['DELETE', `/models/${NAME}`, {}],
    ['DELETE', `/jobs/${NAME}`, {}],
    ['GET', `/jobs?status=${NAME}&${NAME}=1&cursor=${NAME}`, {}],
    ['GET', `/jobs?model=${NAME}`, {}],
    ['GET', `/jobs/${NAME}/logs?tail=${NAME}&${NAME}=1`, {}],
    ['GET', '/models', { Authorization: `Bearer ${NAME}` }],
    ['POST', '/infer', { 'Content-Type': `multipart/${NAME}` }],
    ['POST', '/infer', { 'Content-Type': 'multipart/form-data; boundary=x', 'Idempotency-Key': `${NAME} ` + NAME }],
  ];
  for (const [method, path, headers] of calls) {
    const body = method === 'POST' ? NAME : null;
    const response = await fetch(api.url + path, { method, headers: { ...HEADERS, ...headers }, body });
    texts.push(await response.text(), JSON.stringify([...response.headers]));
  }
  return { texts, accepted };
}

async function rawAnswer(request: string): Promise<string> {
  const connection = await RawConnection.open(api.port);
  connection.send(request);
  await until(() => connection.isClosed || connection.received.includes('\r\n\r\n'));
  connection.abort();
  return connection.received;
}

/** A store whose errors quote what it was asked with, as a database's do. */
function failingBy(store: JobStore, fails: () => boolean): JobStore {
  return new Proxy(store, {
    get: (target, method) => {
      const ask: unknown = Reflect.get(target, method);
      if (typeof ask !== 'function') return ask;
      return async (...args: unknown[]) => {
        if (fails())
          throw Object.assign(new TypeError(`no row for ${NAME}\n    at ${NAME} (x.js:1:1)`), { code: `E ${NAME}` });
        return ask.apply(target, args);
      };
    },
  });
}

describe('a name that a client planted', () => {
  it('is in no log line, no metric, no problem, and no name of a file', async () => {
    const { texts, accepted } = await answers();
    expect(accepted).toBe(2);
    const body = FILE_PART_HEAD.replace('a.npz', NAME).replace('name="file"', `name="file"; ${NAME}`) + NAME + BODY_END;
    texts.push(await rawAnswer(inferHead([`Content-Length: ${body.length}`]) + body));
    texts.push(await rawAnswer(head('GET', `/%FF${NAME}`)));
    texts.push(await rawAnswer(`GET /${NAME} HTTP/9.9\r\n\r\n`));
    texts.push(await rawAnswer(head('GET', '/models', [`X-Long: ${NAME.repeat(3_000)}`])));
    for (const text of texts) expect(text).not.toContain(NAME);
    // One line per request that reached the application, none lost to a field of the wrong shape.
    await until(() => api.logLines.filter((line) => line.includes('"http.request"')).length === 29);
    expect(api.logLines.filter((line) => line.includes('"dropped"'))).toEqual([]);
    expect(api.logLines.join('\n')).not.toContain(NAME);
    expect(await (await fetch(api.metricsUrl ?? '')).text()).not.toContain(NAME);
    const files = await readdir(api.dataDir, { recursive: true });
    expect(files.join('\n')).not.toContain(NAME);
  });

  it('is in no answer and no log line when the store fails, or the disk is full, and says the name', async () => {
    let failing: 'nothing' | 'store' | 'disk' = 'nothing';
    const broken = await startTestApi({
      store: (store) => failingBy(store, () => failing === 'store'),
      freeBytesOf: async () => (failing === 'disk' ? 0 : Number.MAX_SAFE_INTEGER),
      settings: { scratchReserveBytes: 1 },
    });
    try {
      const jobId = await submit(broken, inferForm({ external_job_id: NAME }));
      failing = 'store';
      const statuses: number[] = [];
      for (const path of [
        `/status/${jobId}`,
        '/jobs',
        `/result/${jobId}`,
        `/jobs/${jobId}/logs`,
        `/jobs/${jobId}/events`,
      ]) {
        const response = await fetch(broken.url + path, { headers: HEADERS });
        statuses.push(response.status);
        expect((await response.text()) + JSON.stringify([...response.headers])).not.toContain(NAME);
      }
      failing = 'disk';
      const full = await postInfer(broken, inferForm({ external_job_id: NAME }), HEADERS);
      expect(await full.text()).not.toContain(NAME);
      expect([...statuses, full.status]).toEqual([500, 500, 500, 500, 500, 503]);
      await until(() => broken.logLines.filter((line) => line.includes('"http.failed"')).length >= 5);
      expect(broken.logLines.join('\n').toLowerCase()).not.toContain(NAME.toLowerCase());
    } finally {
      await broken.close();
    }
  });

  it('is where it belongs, so that this test could fail', async () => {
    const file = npzOf(uint8Imgs(), [promptsMember({ 1: NAME })]);
    const jobId = await submit(api, inferForm({ external_job_id: NAME }, file));
    expect(await readFile(join(api.dataDir, 'jobs', jobId, 'input', 'job.json'), 'utf8')).toContain(NAME);
    expect(await (await fetch(`${api.url}/status/${jobId}`)).text()).toContain(NAME);
  });
});
