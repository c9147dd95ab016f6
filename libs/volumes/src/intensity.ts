import type { ArrayView } from './array-blocks.ts';
import type { ImgDtype } from './dtype.ts';
import type { InputPolicy } from './input-policy.ts';
import { VolumeError } from './volume-error.ts';

export type IntensityRange = { readonly min: number; readonly max: number };

/** What is done to the values before a model sees them. */
export type IntensityChange = 'none' | 'x255';

/** Float volumes within [0, 1] are multiplied by this. */
export const NORMALIZED_SCALE = 255;

/** Looks at every value of a volume once. All blocks must be of one type. */
export class IntensityScan {
  #min = Infinity;
  #max = -Infinity;
  #allFinite = true;
  #last: number | undefined;
  #marks: ValueMarks | null = null;
  readonly #distinct = new Set<number>();
  readonly #distinctMin: number;

  constructor(distinctMin: number) {
    this.#distinctMin = distinctMin;
  }

  add(values: ArrayView): void {
    if (values.BYTES_PER_ELEMENT <= MARKED_BYTES_MAX) {
      this.#marks ??= new ValueMarks(values);
      this.#marks.add(values);
      return;
    }
    let min = this.#min;
    let max = this.#max;
    let finite = 0;
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index] ?? 0;
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
    if (this.#marks !== null) return this.#marks.range();
    if (!this.#allFinite) throw new VolumeError('not_finite');
    return { min: this.#min, max: this.#max };
  }

  hasEnoughDistinctValues(): boolean {
    return (this.#marks?.distinct() ?? this.#distinct.size) >= this.#distinctMin;
  }
}

/** Types of up to 16 bits have so few values that each gets a mark: one store per voxel instead of all comparisons. */
const MARKED_BYTES_MAX = 2;

/** Which values of an integer type of 8 or 16 bits occur. */
class ValueMarks {
  /** By bit pattern. */
  readonly #marks: Uint8Array;
  readonly #isSigned: boolean;

  constructor(like: ArrayView) {
    this.#marks = new Uint8Array(2 ** (8 * like.BYTES_PER_ELEMENT));
    this.#isSigned = like instanceof Int8Array || like instanceof Int16Array;
  }

  add({ buffer, byteOffset, length, BYTES_PER_ELEMENT }: ArrayView): void {
    // Signed numbers as their bit patterns, so that each loop only ever meets one type of array and stays fast.
    if (BYTES_PER_ELEMENT === 1) mark8(this.#marks, new Uint8Array(buffer, byteOffset, length));
    else mark16(this.#marks, new Uint16Array(buffer, byteOffset, length));
  }

  range(): IntensityRange {
    const values = this.#values();
    return { min: values[0] ?? Infinity, max: values.at(-1) ?? -Infinity };
  }

  distinct(): number {
    return this.#values().length;
  }

  /** Ascending. */
  #values(): number[] {
    const count = this.#marks.length;
    const first = this.#isSigned ? count / 2 : 0;
    const values: number[] = [];
    for (let step = 0; step < count; step += 1) {
      const pattern = (first + step) % count;
      if (this.#marks[pattern] === 1) values.push(this.#isSigned ? step - first : step);
    }
    return values;
  }
}

function mark8(marks: Uint8Array, patterns: Uint8Array): void {
  for (let index = 0; index < patterns.length; index += 1) marks[patterns[index] ?? 0] = 1;
}

function mark16(marks: Uint8Array, patterns: Uint16Array): void {
  for (let index = 0; index < patterns.length; index += 1) marks[patterns[index] ?? 0] = 1;
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
