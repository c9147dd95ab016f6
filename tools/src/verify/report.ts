import type { LabelDice } from './dice.ts';
import type { RunMetrics } from './run-metrics.ts';

const UNKNOWN = '–';

/** A row for each label: how sure the model was, what it found, and how well that agrees with the reference. */
export function labelTable(labels: readonly LabelDice[], metrics: RunMetrics | null): string[] {
  const scores = new Map(metrics?.prompts.map(({ id, existence_score: score }) => [id, score.toFixed(3)]));
  const rows = labels.map(({ id, voxels, referenceVoxels, dice }) => [
    String(id),
    scores.get(id) ?? UNKNOWN,
    String(voxels),
    String(referenceVoxels),
    dice?.toFixed(4) ?? UNKNOWN,
  ]);
  return [['label', 'existence', 'voxels', 'reference', 'Dice'], ...rows].map((cells) =>
    cells.map((cell) => cell.padStart(11)).join(''),
  );
}

/** Time, memory, device: what a run cost, in the model's own words. */
export function runLines(metrics: RunMetrics | null, seconds: number): string[] {
  const whole = `${seconds.toFixed(1)} s in all`;
  if (metrics === null) return [`Time: ${whole}. The model wrote no metrics.json that can be read.`];
  const steps = Object.entries(metrics.seconds).map(([step, taken]) => `${step} ${taken.toFixed(1)} s`);
  const { host, device } = metrics.peak_memory_mib;
  const batch = `${metrics.slice_batch_size ?? UNKNOWN} of ${metrics.slice_batch_size_asked ?? UNKNOWN} asked`;
  return [
    `Time: ${[...steps, whole].join(', ')}.`,
    `Memory at most: host ${host ?? UNKNOWN} MiB, device ${device ?? UNKNOWN} MiB.`,
    `Device: ${metrics.device_name ?? metrics.device ?? UNKNOWN}.`,
    `Slices at a time: ${batch}; memory ran out ${metrics.out_of_memory_count ?? UNKNOWN} times.`,
    `Versions: ${Object.entries(metrics.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
  ];
}
