import { finding, type Finding } from './finding.ts';
import { interleave } from './interleave.ts';
import { runLoad } from './load.ts';
import { makeKeys, submitRequests } from './submitters.ts';
import type { Workshop } from './workshop.ts';

const ROUNDS = 5;
const SUBMITS = 1_000;
/** A client may have four uploads under way: so sixteen connections are those of four clients. */
const CLIENTS = 4;
const CONNECTIONS = 16;
const TINY_SHAPE = [4, 16, 16] as const;

/**
 * Small jobs accepted per second over HTTP: each one is spooled, checked, rebuilt and durable (input, job file, record,
 * wake-up, audit entry) when its 202 is sent.
 */
export async function measureSubmit(shop: Workshop): Promise<Finding[]> {
  const dataDir = await shop.folder('data');
  const requests = await submitRequests(
    await shop.makeVolume('tiny.npz', { how: 'deflated', shape: TINY_SHAPE }),
    await makeKeys(dataDir, CLIENTS),
  );
  const { port } = await shop.startApi(dataDir);
  const load = { port, requests, connections: CONNECTIONS, count: shop.size(SUBMITS, 32), status: 202 };
  const { ours } = await interleave(shop.size(ROUNDS, 1), { ours: async () => (await runLoad(load)).perSecond });
  return [
    finding({
      what: 'Small durable submits, 16 at a time',
      unit: '/s',
      ours,
      goal: { bound: 'at least', value: 500, of: 'figure' },
    }),
  ];
}
