/** A job on disk, as the API leaves it, with an attempt's folder beside it: what both stages start from. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FsObjectStore } from '@bpi/adapters-local';
import {
  createLog,
  inputKey,
  jobFileKey,
  modelManifestSchema,
  type JobFile,
  type JobId,
  type ModelEnd,
  type ModelManifest,
  type TaskFile,
} from '@bpi/job-contract';
import { Catalogue, systemClock } from '@bpi/jobs';
import { removeTree } from '@bpi/model-files';
import { writeMaskNpz } from '@bpi/volumes';
import type { StagerContext } from '../stager-context.ts';
import { WorkFolder } from '../work-folder.ts';

export const SHAPE: [number, number, number] = [2, 3, 4];

export const MANIFEST: ModelManifest = modelManifestSchema.parse({
  schema_version: 1,
  name: 'bench',
  version: '1.0.0',
  title: 'Bench',
  description: 'For tests.',
  licence: 'none',
  intended_use: 'Tests only.',
  evidence: 'None: it exists in tests only.',
  image: 'bpi/bench:1.0.0',
  input: { formats: ['npz'], dtypes: ['uint8'], intensity: { min: 0, max: 255, distinct_min: 1 } },
  prompts: 'required',
  fixed_labels: null,
  params: { size: { type: 'enum', values: ['large', 'small'], default: 'large' } },
  progress_steps: ['work'],
  resources: { gpu: 'none', gpu_memory_mib: 0, memory_mib: 64, cpus: 1, shm_mib: 1, pids: 16, tmp_mib: 1 },
  attempt_timeout_s: 10,
  smaller_settings: { size: 'small' },
  golden: null,
});

export type StagerBench = {
  context: StagerContext;
  work: WorkFolder;
  task: TaskFile;
  jobFile: JobFile;
  endModel: (end: Partial<ModelEnd>) => Promise<void>;
  /** Writes a mask with these label values, voxel by voxel, where the model would. */
  writeMask: (values: number[]) => Promise<void>;
  /** Takes an object away behind the store's back. */
  lose: (key: string) => Promise<void>;
  close: () => Promise<void>;
};

export async function stagerBench(
  changes: { task?: Partial<TaskFile>; jobFile?: Partial<JobFile>; folders?: 'one' | 'volumes' } = {},
): Promise<StagerBench> {
  const root = await mkdtemp(join(tmpdir(), 'bpi-stager-'));
  const objects = new FsObjectStore(join(root, 'data'));
  const jobId = randomUUID() as JobId; // a UUID version 4 is one
  // Stage-in treats the input as bytes; stage-out cuts planes from it, so it is a real archive with imgs.
  const input = await inputArchive(root);
  const jobFile: JobFile = {
    schema_version: 1,
    job_id: jobId,
    model: { name: MANIFEST.name, version: MANIFEST.version },
    params: { size: 'large' },
    input: {
      bytes: input.length,
      sha256: createHash('sha256').update(input).digest('hex'),
      shape: SHAPE,
      dtype: 'uint8',
    },
    spacing_mm: [1, 2, 5],
    spacing_order: 'xyz',
    affine: null,
    prompts: {
      labels: [
        { id: 1, prompt: 'one' },
        { id: 3, prompt: 'three' },
      ],
      instance_label: 0,
    },
    intensity: { received: { dtype: 'uint8', min: 0, max: 255 }, applied: 'none' },
    warnings: [],
    created_at: '2026-11-21T00:00:00.000Z',
    ...changes.jobFile,
  };
  await objects.put(inputKey(jobId), input, { ifAbsent: true });
  await objects.put(jobFileKey(jobId), Buffer.from(JSON.stringify(jobFile)), { ifAbsent: true });
  const task: TaskFile = {
    schema_version: 1,
    job_id: jobId,
    epoch: 1,
    model: jobFile.model,
    pool: 'cpu',
    shrunk: false,
    image_digest: null,
    ...changes.task,
  };
  const work = changes.folders === 'volumes' ? volumesIn(root) : new WorkFolder(join(root, 'work'));
  for (const folder of [work.path, work.file('outputs'), dirname(work.file('logs'))]) {
    await mkdir(folder, { recursive: true });
  }
  await writeFile(work.file('task'), JSON.stringify(task));
  const log = createLog(() => {}, systemClock.nowMs);
  return {
    context: { objects, catalogue: new Catalogue([MANIFEST]), clock: systemClock, log },
    work,
    task,
    jobFile,
    endModel: (end) =>
      writeFile(
        work.file('modelEnd'),
        JSON.stringify({ cause: 'exited', exit_code: 0, started_at_ms: 1_000, ended_at_ms: 3_000, ...end }),
      ),
    writeMask: (values) => writeMaskNpz(join(work.file('outputs'), 'input.npz'), maskOf(values)),
    lose: (key) => rm(join(root, 'data', key)),
    close: () => removeTree(root),
  };
}

/** As in a task: what the model can reach lies on volumes of its own. */
function volumesIn(root: string): WorkFolder {
  return new WorkFolder(join(root, 'control'), {
    inputs: join(root, 'inputs'),
    outputs: join(root, 'outputs'),
    logs: join(root, 'logs/logs.txt'),
  });
}

function maskOf(values: number[]) {
  return { shape: SHAPE, data: Uint8Array.from(values), labels: [] };
}

/** An archive whose member is called imgs, 24 voxels: the mask writer's, with the name changed in both headers. */
export async function inputArchive(root: string): Promise<Buffer> {
  const path = join(root, 'imgs.npz');
  await writeMaskNpz(path, maskOf(Array.from({ length: 24 }, (_, index) => index * 10)));
  const bytes = await readFile(path);
  for (let at = bytes.indexOf('segs.npy'); at !== -1; at = bytes.indexOf('segs.npy', at + 1))
    bytes.write('imgs.npy', at, 'latin1');
  return bytes;
}
