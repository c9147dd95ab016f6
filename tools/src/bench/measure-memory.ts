import { finding, type Finding } from './finding.ts';
import { interleave } from './interleave.ts';
import { postFile } from './post-file.ts';
import type { Workshop } from './workshop.ts';

const ROUNDS = 3;
/** As near to the limit of 1 GiB as two bytes a voxel come: 1,023.5 MiB, and a header. */
const SHAPE = [2_047, 512, 512] as const;
const SMALL_SHAPE = [8, 512, 512] as const;
const WARM_UP_SHAPE = [4, 16, 16] as const;

/** How much the API's resident memory grows, at its peak, over what it has after a small upload. A new one per round. */
export async function measureMemory(shop: Workshop): Promise<Finding[]> {
  const shape = shop.options.isSmall ? SMALL_SHAPE : SHAPE;
  const large = await shop.makeVolume('large.npz', { how: 'stored', dtype: 'uint16', shape });
  const tiny = await shop.makeVolume('tiny.npz', { how: 'deflated', shape: WARM_UP_SHAPE });
  let round = 0;
  const { ours } = await interleave(shop.size(ROUNDS, 1), {
    ours: async () => {
      const dataDir = await shop.folder(`data-${(round += 1)}`);
      const api = await shop.startApi(dataDir);
      await postFile(`${api.url}/infer`, tiny, { status: 202 });
      await api.process.forgetPeak();
      const { now } = await api.process.memoryMb();
      await postFile(`${api.url}/infer`, large, { status: 202 });
      const { peak } = await api.process.memoryMb();
      await api.process.stop();
      await shop.empty(dataDir);
      return peak - now;
    },
  });
  return [
    finding({
      what: 'API memory during an upload of 1 GiB, growth',
      unit: 'MB',
      ours,
      goal: { bound: 'at most', value: 64, of: 'figure' },
    }),
  ];
}
