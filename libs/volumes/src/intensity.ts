import type { ArrayView } from './array-blocks.ts';
import type { ImgDtype } from './dtype.ts';
import type { InputPolicy } from './input-policy.ts';
import { VolumeError } from './volume-error.ts';

export type IntensityRange = { readonly min: number; readonly max: number };

/** What is done to the values before a model sees them. */
export type IntensityChange = 'none' | 'x255';

/** Float volumes within [0, 1] are multiplied by this. */
export const NORMALIZED_SCALE = 255;

/** Looks at every value of a volume once. */
export class IntensityScan {
  #min = Infinity;
  #max = -Infinity;
  #allFinite = true;
  #last: number | undefined;
  readonly #distinct = new Set<number>();
  readonly #distinctMin: number;

  constructor(distinctMin: number) {
    this.#distinctMin = distinctMin;
  }

  add(values: ArrayView): void {
    let min = this.#min;
    let max = this.#max;
    let finite = 0;
    for (const value of values) {
      if (value < min) min = value;
      if (value > max) max = value;
      finite += value * 0; // NaN as soon as one value is NaN or infinite
    }
    this.#min = min;
    this.#max = max;
    if (finite !== 0) this.#allFinite = false;
    if (this.#distinct.size < this.#distinctMin) this.#addDistinct(values);
  }

  /** Runs of one value are skipped, and nothing is counted beyond what the policy asks for. */
  #addDistinct(values: ArrayView): void {
    let last = this.#last;
    for (const value of values) {
      if (value === last) continue;
      last = value;
      this.#distinct.add(value);
      if (this.#distinct.size >= this.#distinctMin) break;
    }
    this.#last = last;
  }

  /** Throws `not_finite`. */
  range(): IntensityRange {
    if (!this.#allFinite) throw new VolumeError('not_finite');
    return { min: this.#min, max: this.#max };
  }

  hasEnoughDistinctValues(): boolean {
    return this.#distinct.size >= this.#distinctMin;
  }
}

/**
 * Decides what to do with a scanned volume. Throws `not_finite`, `intensity_range` or `intensity_flat`.
 * Only floats count as normalized: integers of 0 and 1 are a mask or an empty image, not a scaled one.
 */
export function judgeIntensity(
  scan: IntensityScan,
  dtype: ImgDtype,
  policy: InputPolicy['intensity'],
): { readonly range: IntensityRange; readonly applied: IntensityChange } {
  const range = scan.range();
  const isFloat = dtype === 'float32' || dtype === 'float64';
  const isNormalized = isFloat && range.min >= 0 && range.max <= 1 && policy.max === NORMALIZED_SCALE;
  if (!isNormalized && (range.min < policy.min || range.max > policy.max)) throw new VolumeError('intensity_range');
  if (!scan.hasEnoughDistinctValues()) throw new VolumeError('intensity_flat');
  return { range, applied: isNormalized ? 'x255' : 'none' };
}
