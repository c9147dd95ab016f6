import type { JobFile, Metadata, ModelManifest, ModelMetrics, Params, TaskFile, WarningCode } from '@bpi/job-contract';
import { labelColor, type Mask, type MaskLabel } from '@bpi/volumes';
import type { ReportedMetrics } from './model-metrics.ts';
import { orientationOf, voxelVolumeMm3 } from './orientation.ts';

export type MetadataFacts = {
  task: TaskFile;
  jobFile: JobFile;
  manifest: ModelManifest;
  params: Params;
  mask: Mask;
  metrics: ReportedMetrics;
  timings: Record<string, number>;
};

/** What a viewer needs and what a reader needs to trust the mask; pure, so that equal jobs get equal words. */
export function buildMetadata(facts: MetadataFacts): Metadata {
  const { task, jobFile, manifest, params, mask, timings } = facts;
  const metrics = typeof facts.metrics === 'string' ? {} : facts.metrics;
  const instanceLabel = instancesAsked(jobFile, manifest) ? 1 : 0;
  const voxelMm3 = voxelVolumeMm3(jobFile.affine, jobFile.spacing_mm);
  const asked = labelsAsked(jobFile, manifest);
  return {
    schema_version: 1,
    job_id: task.job_id,
    model: { ...task.model, image_digest: task.image_digest, weights_sha256: manifest.weights?.sha256 ?? null },
    params,
    shape: [...mask.shape],
    axes: 'zyx',
    spacing_mm: jobFile.spacing_mm,
    spacing_order: jobFile.spacing_order,
    affine: jobFile.affine,
    orientation: orientationOf(jobFile.affine),
    dtype: mask.data instanceof Uint16Array ? 'uint16' : 'uint8',
    labels: asked.map((label) => ({
      ...(instanceLabel === 1
        ? describeInstances(label, mask, voxelMm3)
        : describeLabel(
            label,
            mask.labels.find(({ id }) => id === label.id),
            voxelMm3,
          )),
      ...(label.prompt === undefined ? {} : { existence_score: existenceScoreOf(label.id, metrics) }),
    })),
    instance_label: instanceLabel,
    ...(instanceLabel === 1 ? { instances: countInstances(mask) } : {}),
    intensity: jobFile.intensity,
    prompts_used: manifest.fixed_labels === null && jobFile.prompts !== null,
    seed: seedOf(metrics, params),
    model_run: modelRunOf(metrics),
    attempt: task.epoch,
    timings,
    warnings: [...jobFile.warnings, ...warningsOf(facts)],
  };
}

/** What the model says of ids that nobody asked for is not looked at. */
function existenceScoreOf(id: number, { prompts }: ModelMetrics): number | null {
  return prompts?.find((prompt) => prompt.id === id)?.existence_score ?? null;
}

function seedOf({ seed }: ModelMetrics, params: Params): number | null {
  const asked = params['seed'];
  return seed ?? (Number.isSafeInteger(asked) ? Number(asked) : null);
}

function modelRunOf({ axis, slice_batch_size, out_of_memory_count, device }: ModelMetrics): Metadata['model_run'] {
  return {
    axis: axis ?? null,
    slice_batch_size: slice_batch_size ?? null,
    out_of_memory_count: out_of_memory_count ?? null,
    device: device ?? null,
  };
}

/** Those that are only known once the model has run. */
function warningsOf({ task, metrics }: MetadataFacts): WarningCode[] {
  const warnings: WarningCode[] = [];
  if (task.shrunk) warnings.push('smaller_settings_used');
  if (metrics === 'unreadable') warnings.push('metrics_unreadable');
  else if (metrics !== 'absent' && (metrics.out_of_memory_count ?? 0) > 0) warnings.push('memory_back_off');
  return warnings;
}

export type AskedLabel = { id: number; name: string; prompt?: string };

/** Label ids this job may return: the model's own where it has fixed ones, else those of the prompts, else just 1. */
export function labelsAsked(jobFile: JobFile, manifest: ModelManifest): AskedLabel[] {
  if (manifest.fixed_labels !== null) return manifest.fixed_labels.map(({ id, name }) => ({ id, name }));
  if (jobFile.prompts === null) return [{ id: 1, name: 'label 1' }];
  return jobFile.prompts.labels.map(({ id, prompt }) => ({ id, name: prompt, prompt }));
}

export function instancesAsked(jobFile: JobFile, manifest: ModelManifest): boolean {
  return manifest.fixed_labels === null && jobFile.prompts?.instance_label === 1;
}

function describeLabel(
  asked: AskedLabel,
  found: MaskLabel | undefined,
  voxelMm3: number | null,
): Metadata['labels'][number] {
  const voxels = found?.voxels ?? 0;
  return {
    ...asked,
    color: colorOf(asked.id),
    voxels,
    volume_ml: voxelMm3 === null ? null : millilitres(voxels, voxelMm3),
    bbox: found === undefined ? null : { min: [...found.bbox.min], max: [...found.bbox.max] },
    centroid: found === undefined ? null : [...found.centroid],
    present: voxels > 0,
  };
}

/** In instance mode ids number the objects, so a class has a sum but no box of its own. */
function describeInstances(asked: AskedLabel, mask: Mask, voxelMm3: number | null): Metadata['labels'][number] {
  const voxels = mask.labels.reduce((sum, label) => sum + label.voxels, 0);
  return {
    ...asked,
    color: colorOf(asked.id),
    voxels,
    volume_ml: voxelMm3 === null ? null : millilitres(voxels, voxelMm3),
    bbox: null,
    centroid: null,
    present: voxels > 0,
  };
}

function countInstances(mask: Mask): NonNullable<Metadata['instances']> {
  const sizes = mask.labels.map(({ voxels }) => voxels);
  return {
    count: sizes.length,
    voxels_min: sizes.reduce((least, size) => Math.min(least, size), sizes[0] ?? 0),
    voxels_max: sizes.reduce((most, size) => Math.max(most, size), 0),
    voxels_total: sizes.reduce((sum, size) => sum + size, 0),
  };
}

/** Rounded to a microlitre: finer digits are not in the data. */
function millilitres(voxels: number, voxelMm3: number): number {
  return Math.round(voxels * voxelMm3) / 1_000;
}

function colorOf(id: number): string {
  return `#${labelColor(id)
    .map((channel) => channel.toString(16).padStart(2, '0'))
    .join('')}`;
}
