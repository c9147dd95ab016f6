import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@bpi/tools';
import { startAwsHarness, type AwsHarness } from './aws-harness.ts';
import { answerWith, AwsProxy, operationOf } from './aws-proxy.ts';
import { until } from './harness.ts';

const WITHIN_MS = 20_000;
const LISTEN_AFTER_STOP_MS = 2_000;

describe('API and worker on AWS', () => {
  /** The service whose calls are cut off. */
  let broken: string | null = null;
  const proxy = new AwsProxy(async ({ asked, answer, pass }) => {
    const [service] = operationOf(asked).split(':');
    if (service === broken) asked.socket.destroy();
    else answerWith(answer, await pass());
  });
  let harness: AwsHarness;
  let healthPort: number;
  beforeAll(async () => {
    healthPort = await freePort();
    harness = await startAwsHarness({
      through: proxy.through,
      apiEnv: { LISTEN_AFTER_STOP_MS: String(LISTEN_AFTER_STOP_MS) },
      workerEnv: { HEALTH_PORT: String(healthPort) },
    });
  }, 60_000);
  afterAll(async () => {
    await harness.close();
    await proxy.close();
  });

  const statusOf = async (url: string) => (await fetch(url)).status;
  const api = (path: string) => statusOf(`${harness.platform.url}/health/${path}`);
  const worker = (path: string) => statusOf(`http://127.0.0.1:${healthPort}/health/${path}`);
  const becomes = (ask: () => Promise<number>, status: number) => until(ask, (seen) => seen === status, WITHIN_MS);

  it('are ready once every service answers', async () => {
    await becomes(() => api('ready'), 200);
    await becomes(() => worker('ready'), 200);
  }, 60_000);

  it.each(['dynamodb', 'sqs', 's3'])(
    'the API is not ready while %s does not answer, and lives on',
    async (service) => {
      broken = service;
      await becomes(() => api('ready'), 503);
      expect(await api('live')).toBe(200);
      broken = null;
      await becomes(() => api('ready'), 200);
    },
    60_000,
  );

  it.each(['dynamodb', 'sqs', 's3', 'ecs'])(
    'the worker is not ready while %s does not answer, and lives on',
    async (service) => {
      broken = service;
      await becomes(() => worker('ready'), 503);
      expect(await worker('live')).toBe(200);
      broken = null;
      await becomes(() => worker('ready'), 200);
    },
    60_000,
  );

  it('end in order when told to, in the middle of a long poll', async () => {
    const startedMs = performance.now();
    const stopping = harness.platform.stop();
    await until(
      () => harness.log('api'),
      (log) => log.includes('service.stopping'),
      WITHIN_MS,
    );
    // Callers that have not heard of it yet are still answered.
    expect(await api('live')).toBe(200);
    await stopping;
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(LISTEN_AFTER_STOP_MS);
    expect(tookMs).toBeLessThan(10_000);
    for (const name of ['api', 'worker']) {
      const lines = (await harness.log(name)).trim().split('\n');
      const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
      expect(events.filter((event) => event.startsWith('service.')).slice(-2)).toEqual([
        'service.stopping',
        'service.stopped',
      ]);
    }
  }, 60_000);
});
