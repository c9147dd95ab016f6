import { openAsBlob } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CANARY, ownContainers, startHarness, type Harness } from './harness.ts';

/** A patient's name in every place a client can put one, and every place where it must not turn up. */
describe('a planted patient name', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  }, 60_000);
  afterAll(() => harness.close());

  async function post(input: string, fields: Record<string, string>): Promise<Response> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', await openAsBlob(harness.input(input)), `${CANARY}.npz`);
    const headers = { 'idempotency-key': CANARY, 'x-request-id': CANARY, 'user-agent': CANARY, 'x-patient': CANARY };
    return fetch(`${harness.platform.url}/infer?patient=${CANARY}`, { method: 'POST', body: form, headers });
  }

  it('appears in no log line, container name, label, environment or error', async () => {
    const answers: string[] = [];
    const accepted = await post('canary', { external_job_id: CANARY, model: 'echo', params: '{"behaviour":"leak"}' });
    expect(accepted.status).toBe(202);
    const { job_id: jobId } = (await accepted.json()) as { job_id: string }; // checked by the schema in the client's own tests
    const refusals = [
      post('canary', { model: CANARY }),
      post('canary', { model: 'echo', params: `{"${CANARY}":1}` }),
      post('canary', { model: 'echo', params: CANARY }),
      post('canary', { model: 'echo', geometry: `{"${CANARY}":1}` }),
      post('canary', { model: 'echo', [CANARY]: CANARY }),
      post('hounsfield', { model: 'echo', external_job_id: CANARY }),
      fetch(`${harness.platform.url}/status/${CANARY}`),
      fetch(`${harness.platform.url}/${CANARY}`, { headers: { authorization: `Bearer ${CANARY}` } }),
    ];
    for (const refused of await Promise.all(refusals)) {
      expect(refused.status).toBeGreaterThanOrEqual(400);
      expect(refused.status).toBeLessThan(500);
      answers.push(JSON.stringify([...refused.headers]), await refused.text());
    }
    await harness.finish(jobId);

    for (const { Id } of await ownContainers(harness.docker, harness.dataDir)) {
      answers.push(JSON.stringify(await harness.docker.getContainer(Id).inspect()));
    }
    const seen = [...answers, await harness.log('api'), await harness.log('worker')].join('\n');
    expect(seen.length).toBeGreaterThan(1_000);
    for (const trace of [
      CANARY,
      CANARY.toLowerCase(),
      'Quillfeather',
      Buffer.from(CANARY).toString('base64').slice(0, 20),
    ]) {
      expect(seen.includes(trace)).toBe(false);
    }
  }, 60_000);
});
