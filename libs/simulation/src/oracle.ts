import { createHash } from 'node:crypto';
import type { FailureCode } from '@bpi/job-contract';

/** What a model makes of an input is a function of the input alone; the input says which. */
export const KINDS = ['good', 'refused', 'broken', 'hungry', 'endless', 'wrong_mask'] as const;
export type Kind = (typeof KINDS)[number];

export function inputTextOf(given: { n: number; kind: Kind }): string {
  return JSON.stringify({ volume: given.n, kind: given.kind });
}

/** What the model finds in an input, or null if that is no input. */
export function kindOfInput(text: string): Kind | null {
  return KINDS.find((kind) => text.endsWith(`"kind":"${kind}"}`)) ?? null;
}

export function maskTextOf(inputText: string): string {
  return `mask of ${createHash('sha256').update(inputText).digest('hex')}`;
}

/** How a job may end that nobody cancelled: by what its input is, besides what the platform's troubles do to any job. */
export const OWN_ENDS: Readonly<Record<Kind, readonly ('completed' | FailureCode)[]>> = {
  good: ['completed'],
  refused: ['invalid_input'],
  broken: ['model_error'],
  /** Fits into memory with the smaller settings, where the model has some. */
  hungry: ['completed', 'out_of_memory'],
  endless: ['attempt_timeout'],
  wrong_mask: ['invalid_output'],
};

/** What may happen to any job when machines, networks and runners fail. */
export const TROUBLED_ENDS: readonly FailureCode[] = [
  'capacity_unavailable',
  'capacity_interrupted',
  'platform_error',
  'model_unavailable',
  'deadline_exceeded',
  'attempt_timeout',
];
