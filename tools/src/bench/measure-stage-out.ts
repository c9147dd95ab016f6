import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jobIdSchema, MODEL_FILES, WORK_FILES, type JobId, type ModelEnd, type TaskFile } from '@bpi/job-contract';
import { finding, type Finding } from './finding.ts';
import { interleave } from './interleave.ts';
import { postFile } from './post-file.ts';
import type { Workshop } from './workshop.ts';

const ROUNDS = 5;
const SHAPE = [500, 512, 512] as const;
const SMALL_SHAPE = [8, 64, 64] as const;
const MODEL = { name: 'brain-mri', version: '1.0.0' };
const MEMORY_POLL_MS = 10;

/**
 * The stage after a model, as it is deployed, in a new process: reads and checks the model's mask, writes NPZ, NIfTI,
 * preview and metadata, and stores all four. More than the goal asks for, and including the start of Node.
 */
export async function measureStageOut(shop: Workshop): Promise<Finding[]> {
  const shape = shop.options.isSmall ? SMALL_SHAPE : SHAPE;
  const dataDir = await shop.folder('data');
  const volume = await shop.makeVolume('volume.npz', { how: 'deflated', shape });
  const mask = await shop.makeVolume('mask.npz', { how: 'deflated', key: 'segs', shape });
  const api = await shop.startApi(dataDir);
  const { job_id: id } = JSON.parse(await postFile(`${api.url}/infer`, volume, { status: 202 })) as { job_id: unknown };
  await api.process.stop();
  const jobId = jobIdSchema.parse(id);
  const peaksMb: number[] = [];
  let epoch = 0;
  const { ours } = await interleave(shop.size(ROUNDS, 1), {
    ours: async () => {
      const work = await makeAttempt(shop, jobId, (epoch += 1));
      await stager(shop, ['stage-in', work, dataDir]).ends();
      await rename(mask, join(work, WORK_FILES.outputs, MODEL_FILES.masks[0]));
      await writeFile(join(work, WORK_FILES.modelEnd), JSON.stringify(modelEnd()));
      const startedMs = performance.now();
      peaksMb.push(await peakMbOf(stager(shop, ['stage-out', work, dataDir])));
      const tookMs = performance.now() - startedMs;
      await rename(join(work, WORK_FILES.outputs, MODEL_FILES.masks[0]), mask);
      await shop.empty(work);
      return tookMs / 1_000;
    },
  });
  const what = `Mask, NIfTI, metadata and preview of ${shape.join('×')}`;
  return [
    finding({ what: `${what}: time`, unit: 's', ours, goal: { bound: 'at most', value: 4, of: 'figure' } }),
    finding({
      what: `${what}: peak memory`,
      unit: 'MB',
      ours: peaksMb.slice(1),
      goal: { bound: 'at most', value: 600, of: 'figure' },
    }),
  ];
}

/** The folder that a runner hands to the stager; its path. */
async function makeAttempt(shop: Workshop, jobId: JobId, epoch: number): Promise<string> {
  const work = await shop.folder(`attempt-${epoch}`);
  await mkdir(join(work, WORK_FILES.outputs));
  const task: TaskFile = {
    schema_version: 1,
    job_id: jobId,
    epoch,
    model: MODEL,
    pool: 'cpu',
    shrunk: false,
    image_digest: null,
  };
  await writeFile(join(work, WORK_FILES.task), JSON.stringify(task));
  await writeFile(join(work, WORK_FILES.logs), '');
  return work;
}

function modelEnd(): ModelEnd {
  return { cause: 'exited', exit_code: 0, started_at_ms: 1_000, ended_at_ms: 2_000 };
}

function stager(shop: Workshop, [stage, work, data]: [string, string, string]) {
  const { repoRoot } = shop.options;
  const entry = join(repoRoot, 'dist/apps/stager/main.local.js');
  const args = [stage, '--work', work, '--data', data, '--models', join(repoRoot, 'apps/models')];
  return shop.start({ name: stage, command: [process.execPath, entry, ...args] });
}

/** The kernel keeps the peak for as long as the process lives, so the last look before its end is the answer. */
async function peakMbOf(measured: ReturnType<typeof stager>): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => {
    void measured.memoryMb().then(
      (memory) => (peak = Math.max(peak, memory.peak || 0)),
      () => undefined, // it has ended
    );
  }, MEMORY_POLL_MS);
  try {
    await measured.ends();
  } finally {
    clearInterval(timer);
  }
  return peak;
}
