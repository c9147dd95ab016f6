import { afterEach, describe, expect, it } from '@jest/globals';
import { request } from 'node:http';
import {
  completeJob,
  makeKey,
  problemOf,
  startTestApi,
  submit,
  inferForm,
  type TestApi,
} from './testing/api-harness.ts';

let api: TestApi;
afterEach(async () => api.close());

async function statusWith(authorization: string | null): Promise<number> {
  const headers: Record<string, string> = authorization === null ? {} : { authorization };
  return (await fetch(`${api.url}/models`, { headers })).status;
}

describe('a caller', () => {
  it('needs no key on loopback while none exists, and needs one from the first on', async () => {
    api = await startTestApi();
    expect(await statusWith(null)).toBe(200);
    const { authorization, keyId } = await makeKey(api, 'clinic');
    expect(await statusWith(null)).toBe(401);
    expect(await statusWith(authorization)).toBe(200);
    await api.ports.clients.revokeKey(keyId, Date.now());
    expect(await statusWith(authorization)).toBe(401);
    expect(await statusWith(null)).toBe(401);
  });

  it('is refused with a challenge for anything but a whole key of ours', async () => {
    api = await startTestApi({ settings: { keyless: 'refused' } });
    const { authorization } = await makeKey(api, 'clinic');
    const flipped = authorization.slice(0, -1) + (authorization.endsWith('A') ? 'B' : 'A');
    const refused = [
      null,
      '',
      'Bearer',
      'Bearer ',
      'Basic YTpi',
      authorization.replace('Bearer ', ''),
      authorization.slice(0, -1),
      `${authorization}x`,
      flipped,
      authorization.replace(/bpi_./, 'bpi_0').replace(/.{43}$/, 'A'.repeat(43)),
    ];
    for (const value of refused) expect([value, await statusWith(value)]).toEqual([value, 401]);
    const response = await fetch(`${api.url}/models`);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect((await problemOf(response)).code).toBe('unauthorized');
    expect(await statusWith(authorization.replace('Bearer', 'bearer'))).toBe(200);
    expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${api.url}/health/ready`)).status).toBe(200);
  });

  it('sees its own jobs with every live key of its client', async () => {
    api = await startTestApi({ settings: { keyless: 'refused' } });
    const [old, fresh, other] = [await makeKey(api, 'a'), await makeKey(api, 'a'), await makeKey(api, 'b')];
    const jobId = await submit(api, inferForm(), { authorization: old.authorization });
    const read = async (authorization: string): Promise<number> =>
      (await fetch(`${api.url}/status/${jobId}`, { headers: { authorization } })).status;
    expect([await read(fresh.authorization), await read(other.authorization)]).toEqual([200, 404]);
  });

  it('without a key is no web page: neither from another origin nor through another name', async () => {
    api = await startTestApi();
    const ask = async (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const req = request(`${api.url}/models`, { headers }, (res) => {
          res.resume();
          resolve(res.statusCode);
        });
        req.on('error', reject);
        req.end();
      });
    expect(await ask({ Host: 'evil.example' })).toBe(401);
    expect(await ask({ Origin: 'https://evil.example' })).toBe(401);
    expect(await ask({ Origin: 'null' })).toBe(401);
    expect(await ask({ Host: `localhost:${api.port}`, Origin: `http://localhost:${api.port}` })).toBe(200);
  });

  it('leaves a trail of what it did and of what it was refused', async () => {
    api = await startTestApi();
    const { authorization, keyId } = await makeKey(api, 'clinic');
    const jobId = await submit(api, inferForm(), { authorization });
    await fetch(`${api.url}/jobs/${jobId}/cancel`, { method: 'POST', headers: { authorization } });
    const finished = await submit(api, inferForm(), { authorization });
    await completeJob(api, finished, { 'preview.png': Buffer.from('png') });
    await fetch(`${api.url}/result/${finished}/preview.png`, { headers: { authorization } });
    await statusWith(authorization.slice(0, -1) + (authorization.endsWith('A') ? 'B' : 'A'));
    const whoAndWhat = api.audited.map((event) => [event.clientId, event.keyId, event.action, event.jobId]);
    expect(whoAndWhat).toEqual([
      ['clinic', keyId, 'submit', jobId],
      ['clinic', keyId, 'cancel', jobId],
      ['clinic', keyId, 'submit', finished],
      ['clinic', keyId, 'result.read', finished],
      [null, keyId, 'auth.refused', null],
    ]);
  });

  it('that is refused again and again fills no disk', async () => {
    api = await startTestApi({ settings: { keyless: 'refused' } });
    for (let round = 0; round < 70; round += 1) await statusWith(null);
    expect(api.audited).toHaveLength(60);
  });
});
