import { jobIdSchema } from '@bpi/job-contract';
import { finding, type Finding } from './finding.ts';
import { interleave } from './interleave.ts';
import { getRequest, runLoad, type LoadPlan } from './load.ts';
import { postFile } from './post-file.ts';
import type { Workshop } from './workshop.ts';

const ROUNDS = 5;
const REQUESTS = 8_000;
const CONNECTIONS = 16;
/** A volume that the default model takes. */
const TINY_SHAPE = [4, 16, 16] as const;

/**
 * `GET /status` of a queued job, one process on each side, connections kept alive. Ours finds out who calls, reads the
 * record from SQLite and checks it, sets the security headers, and writes a log line; FastAPI returns a dict of the
 * same fields from a constant.
 */
export async function measureStatus(shop: Workshop): Promise<Finding[]> {
  const [api, peer] = [await shop.startApi(await shop.folder('data')), await shop.startPeer()];
  const path = await shop.makeVolume('tiny.npz', { how: 'deflated', shape: TINY_SHAPE });
  const { job_id: id } = JSON.parse(await postFile(`${api.url}/infer`, path, { status: 202 })) as { job_id: unknown };
  const route = `/status/${jobIdSchema.parse(id)}`;
  const etag = (await fetch(`${api.url}${route}`)).headers.get('etag') ?? '';
  const load = { count: shop.size(REQUESTS, 200), connections: CONNECTIONS };
  const rate = async (plan: Pick<LoadPlan, 'port' | 'requests' | 'status'>) =>
    (await runLoad({ ...load, ...plan })).perSecond;
  const figures = await interleave(shop.size(ROUNDS, 1), {
    full: () => rate({ port: api.port, requests: [getRequest(route)], status: 200 }),
    unchanged: () => rate({ port: api.port, requests: [getRequest(route, { 'If-None-Match': etag })], status: 304 }),
    fastApi: () => rate({ port: peer.port, requests: [getRequest(route)], status: 200 }),
  });
  const against = (what: string, ours: number[], value: number) =>
    finding({
      what,
      unit: '/s',
      ours,
      other: { name: 'FastAPI, a dict', figures: figures.fastApi },
      ratio: 'ours/other',
      goal: { bound: 'at least', value, of: 'ratio' },
    });
  return [against('`GET /status`', figures.full, 1), against('`GET /status`, 304', figures.unchanged, 2)];
}
