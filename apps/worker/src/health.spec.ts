import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'node:http';
import { startHealth, type Health } from './health.ts';
import { Liveness, WORK_MS_MAX } from './liveness.ts';
import { HandClock } from './testing/worker-bench.ts';

const WELL: Health = { isLive: () => true, ready: async () => {}, metrics: async () => 'bpi_up 1\n' };

let server: Server | null = null;
afterEach(() => {
  server?.close();
});

/** Asks a server with this health; the answers' status. */
async function serve(health: Partial<Health>, timeoutMs?: number): Promise<(path: string) => Promise<number>> {
  server = await startHealth(0, { ...WELL, ...health }, timeoutMs);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return async (path) => {
    const answer = await fetch(`http://127.0.0.1:${address.port}${path}`);
    await answer.text();
    return answer.status;
  };
}

describe('the health of a worker', () => {
  it('is live and ready', async () => {
    const ask = await serve({});
    expect(await ask('/health/live')).toBe(200);
    expect(await ask('/health/ready')).toBe(200);
    expect(await ask('/metrics')).toBe(200);
    expect(await ask('/metrics/')).toBe(404);
  });

  it('is not ready while a dependency fails, and live all the same', async () => {
    let fails = true;
    const ready = async () => {
      if (fails) throw new Error('simulated: the store does not answer');
    };
    const ask = await serve({ ready });
    expect(await ask('/health/ready')).toBe(503);
    expect(await ask('/health/live')).toBe(200);
    fails = false;
    expect(await ask('/health/ready')).toBe(200);
  });

  it('answers in time when a dependency does not, asks that no second time meanwhile, and once more after', async () => {
    let asked = 0;
    const ready = () => {
      asked += 1;
      return asked === 1 ? new Promise<void>(() => {}) : Promise.resolve();
    };
    const ask = await serve({ ready }, 50);
    expect(await Promise.all([ask('/health/ready'), ask('/health/ready')])).toEqual([503, 503]);
    expect(asked).toBe(1);
    expect(await ask('/health/ready')).toBe(200);
    expect(asked).toBe(2);
  });

  it('is not live once a loop is at one thing for too long; a pause is not work', async () => {
    const clock = new HandClock();
    const logged: unknown[] = [];
    const liveness = new Liveness(clock, (event, fields) => logged.push({ event, ...fields }));
    const ask = await serve({ isLive: () => liveness.isLive() });
    liveness.busy('clean');
    liveness.idle('clean');
    liveness.busy('sweep');
    clock.advance(WORK_MS_MAX);
    liveness.busy('dispatch');
    expect(await ask('/health/live')).toBe(200);
    clock.advance(1);
    expect(await ask('/health/live')).toBe(503);
    expect(logged).toEqual([{ event: 'loop.failed', loop: 'sweep', errorName: 'hanging' }]);
    liveness.busy('sweep'); // slow, and on its way
    expect(await ask('/health/live')).toBe(200);
  });
});
