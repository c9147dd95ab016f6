import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { ARTIFACT_NAMES, ARTIFACTS, attemptArtifactKey, INPUT_FILE } from '@bpi/job-contract';
import type { ArtifactName, Manifest, ManifestEntry, TaskFile } from '@bpi/job-contract';
import type { ObjectStore } from '@bpi/jobs';
import { maskCenter, readPlanes, writeMaskNifti, writeMaskNpz, writePreviewPng } from '@bpi/volumes';
import { buildMetadata, type MetadataFacts } from './metadata.ts';

/** Writes every artifact of a checked mask into a folder, emptied first: an earlier try may have died half-way. */
export async function writeArtifacts(
  folder: string,
  facts: Omit<MetadataFacts, 'timings'> & { inputs: string; timings: () => Record<string, number> },
): Promise<void> {
  const { mask, jobFile } = facts;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  const geometry = { affine: jobFile.affine, spacing: jobFile.spacing_mm };
  const drawPreview = async () => {
    const planes = await readPlanes(join(facts.inputs, INPUT_FILE), maskCenter(mask));
    await writePreviewPng(join(folder, 'preview.png'), { planes, mask, ...geometry });
  };
  await Promise.all([
    writeMaskNpz(join(folder, 'pred_mask.npz'), mask),
    writeMaskNifti(join(folder, 'pred_mask.nii.gz'), mask, geometry),
    drawPreview(),
  ]);
  const metadata = buildMetadata({ ...facts, timings: facts.timings() });
  await writeFile(join(folder, 'metadata.json'), `${JSON.stringify(metadata, null, 2)}\n`, { flag: 'wx' });
}

/**
 * Stores the artifacts under this attempt's keys, each only if absent. One that an earlier try of this very
 * attempt stored stays, and the manifest tells of what lies there, not of what was written again.
 */
export async function storeArtifacts(objects: ObjectStore, task: TaskFile, folder: string): Promise<Manifest> {
  return Promise.all(ARTIFACT_NAMES.map((name) => storeArtifact(objects, task, folder, name)));
}

async function storeArtifact(
  objects: ObjectStore,
  task: TaskFile,
  folder: string,
  name: ArtifactName,
): Promise<ManifestEntry> {
  const key = attemptArtifactKey(task.job_id, task.epoch, name);
  const put = await objects.put(key, createReadStream(join(folder, name)), { ifAbsent: true });
  const info = put.kind === 'stored' ? put : await objects.head(key);
  if (info === null) throw new Error('an artifact vanished right after it was said to exist: try the stage again');
  return { name, key, bytes: info.bytes, sha256: info.sha256, media_type: ARTIFACTS[name].mediaType };
}
