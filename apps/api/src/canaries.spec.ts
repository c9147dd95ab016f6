import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

  it('is where it belongs, so that this test could fail', async () => {
    const file = npzOf(uint8Imgs(), [promptsMember({ 1: NAME })]);
    const jobId = await submit(api, inferForm({ external_job_id: NAME }, file));
    expect(await readFile(join(api.dataDir, 'jobs', jobId, 'input', 'job.json'), 'utf8')).toContain(NAME);
    expect(await (await fetch(`${api.url}/status/${jobId}`)).text()).toContain(NAME);
  });
});
