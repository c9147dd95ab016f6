import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finding, type Finding } from './finding.ts';
import { interleave, timed } from './interleave.ts';
import { postFile } from './post-file.ts';
import type { Workshop } from './workshop.ts';

const ROUNDS = 5;
/** 500 MiB of uint8. */
const SHAPE = [2_000, 512, 512] as const;
const SMALL_SHAPE = [8, 512, 512] as const;

/**
 * Uploads of one large volume. With all checks: until 202, which here means that the rebuilt file and its record are
 * synced to disk, and with FastAPI that NumPy has looked at the voxels. Spool alone: our own upload path to the scratch
 * disk, ended before the checks by a model that does not exist; FastAPI's `UploadFile`; `node:http` into a file.
 */
export async function measureUpload(shop: Workshop): Promise<Finding[]> {
  const shape = shop.options.isSmall ? SMALL_SHAPE : SHAPE;
  const rounds = shop.size(ROUNDS, 1);
  const dataDir = await shop.folder('data');
  const [api, peer, raw] = [await shop.startApi(dataDir), await shop.startPeer(), await shop.startRawReceiver()];
  const findings: Finding[] = [];
  for (const how of ['stored', 'deflated'] as const) {
    const path = await shop.makeVolume(`${how}.npz`, { how, shape });
    const accept = async () => {
      const tookMs = await timed(() => postFile(`${api.url}/infer`, path, { status: 202 }));
      await rm(join(dataDir, 'jobs'), { recursive: true, force: true }); // a disk that fills up is another measurement
      return tookMs;
    };
    const checked = await interleave(rounds, {
      ours: accept,
      fastApi: () => timed(() => postFile(`${peer.url}/infer`, path, { status: 202 })),
    });
    findings.push(
      finding({
        what: `Upload with all checks, ${how}`,
        unit: 'ms',
        ours: checked.ours,
        other: { name: 'FastAPI and NumPy', figures: checked.fastApi },
        ratio: 'other/ours',
        goal: { bound: 'at least', value: 2, of: 'ratio' },
      }),
    );
    if (how === 'stored') findings.push(...(await measureSpool(path, rounds, { api, peer, raw })));
    await rm(path);
  }
  return findings;
}

async function measureSpool(
  path: string,
  rounds: number,
  { api, peer, raw }: Record<'api' | 'peer' | 'raw', { url: string }>,
): Promise<Finding[]> {
  const fields = { model: 'no-such-model' };
  const spooled = await interleave(rounds, {
    ours: () => timed(() => postFile(`${api.url}/infer`, path, { status: 422, fields })),
    fastApi: () => timed(() => postFile(`${peer.url}/spool`, path, { status: 202 })),
    raw: () => timed(() => postFile(raw.url, path, { status: 202 })),
  });
  const against = (name: string, figures: number[], value: number) =>
    finding({
      what: 'Spool alone',
      unit: 'ms',
      ours: spooled.ours,
      other: { name, figures },
      ratio: 'other/ours',
      goal: { bound: 'at least', value, of: 'ratio' },
    });
  return [against('FastAPI `UploadFile`', spooled.fastApi, 4), against('`node:http` to disk', spooled.raw, 0.8)];
}
