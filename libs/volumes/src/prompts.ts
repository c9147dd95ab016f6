import type { InputLimits } from './input-policy.ts';
import type { NpyHeader } from './npy-header.ts';
import { readObjectScalar } from './pickle-reader.ts';
import type { PickleValue } from './pickle-value.ts';
import { VolumeError } from './volume-error.ts';

/** Label ids and their sentences, ascending by id. `instanceLabel` 1 asks for one id per object. */
export type Prompts = {
  readonly labels: readonly { readonly id: number; readonly prompt: string }[];
  readonly instanceLabel: 0 | 1;
};

export type PromptLimits = Pick<InputLimits, 'promptCountMax' | 'promptCharsMax'>;

export const INSTANCE_LABEL_KEY = 'instance_label';
/** Canonical decimals only: the model turns keys into integers and back, so "01" would be lost. */
const LABEL_KEY = /^[1-9]\d{0,2}$/;
const LABEL_ID_MAX = 255;
/** The model joins all prompts with this and splits them again: one inside would shift every later label. */
const PROMPT_SEPARATOR = '[SEP]';
/** C0, DEL and C1. */
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;

function refuse(): never {
  throw new VolumeError('prompts_malformed');
}

/**
 * Reads `text_prompts`: a 0-d object array that holds a dictionary.
 * Throws `pickle_unsupported` when it isn't one, `prompts_malformed` when its entries break a rule.
 */
export function parsePrompts(
  npy: { readonly header: NpyHeader; readonly data: Buffer },
  limits: PromptLimits,
): Prompts {
  if (npy.header.descr !== '|O' || npy.header.shape.length !== 0) return refuse();
  const dictionary = readObjectScalar(npy.data);
  if (!(dictionary instanceof Map)) return refuse();

  const labels: { id: number; prompt: string }[] = [];
  let instanceLabel: 0 | 1 = 0;
  for (const [key, value] of dictionary) {
    if (key === INSTANCE_LABEL_KEY) {
      instanceLabel = parseInstanceLabel(value);
    } else {
      labels.push({ id: parseLabelKey(key), prompt: parsePrompt(value, limits) });
    }
  }
  if (labels.length === 0 || labels.length > limits.promptCountMax) return refuse();
  return { labels: labels.toSorted((a, b) => a.id - b.id), instanceLabel };
}

function parseInstanceLabel(value: PickleValue): 0 | 1 {
  if (value === 0n) return 0;
  return value === 1n ? 1 : refuse();
}

function parseLabelKey(key: PickleValue): number {
  if (typeof key !== 'string' || !LABEL_KEY.test(key)) return refuse();
  const id = Number(key);
  return id <= LABEL_ID_MAX ? id : refuse();
}

function parsePrompt(value: PickleValue, limits: PromptLimits): string {
  if (typeof value !== 'string' || value.trim() === '' || !value.isWellFormed()) return refuse();
  if (value.includes(PROMPT_SEPARATOR) || CONTROL_CHARACTER.test(value)) return refuse();
  return Array.from(value).length <= limits.promptCharsMax ? value : refuse();
}
