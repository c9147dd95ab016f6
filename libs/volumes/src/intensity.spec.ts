import { describe, expect, it } from '@jest/globals';
import type { ArrayView } from './array-blocks.ts';
import { IntensityScan } from './intensity.ts';
import { below, seededRandom } from './testing/random.ts';

const BLOCKS = 3;
const BLOCK_ITEMS = 5;

type Make = (values: number[]) => ArrayView;

const TYPES: readonly [name: string, make: Make, min: number, max: number][] = [
  ['uint8', (values) => Uint8Array.from(values), 0, 255],
  ['int8', (values) => Int8Array.from(values), -128, 127],
  ['uint16', (values) => Uint16Array.from(values), 0, 65_535],
  ['int16', (values) => Int16Array.from(values), -32_768, 32_767],
  ['int32', (values) => Int32Array.from(values), -(2 ** 31), 2 ** 31 - 1],
  ['uint32', (values) => Uint32Array.from(values), 0, 2 ** 32 - 1],
];

/** Extremes, neighbours of zero and whatever else the seed brings. */
function someValues(random: () => number, min: number, max: number): number[] {
  const special = [min, max, 0, 1, Math.max(min, -1), max - 1];
  return Array.from({ length: BLOCK_ITEMS }, () =>
    random() < 0.5 ? (special[below(random, special.length)] ?? 0) : min + below(random, max - min + 1),
  );
}

describe('the scan of intensities', () => {
  it.each(TYPES)('finds least, greatest and how many of %s as comparing them all does', (_, make, min, max) => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      const blocks = Array.from({ length: BLOCKS }, () => someValues(random, min, max));
      const all = blocks.flat();
      const expected = { min: Math.min(...all), max: Math.max(...all) };
      const distinct = new Set(all).size;
      for (const distinctMin of [distinct, distinct + 1]) {
        const scan = new IntensityScan(distinctMin);
        for (const block of blocks) scan.add(make(block));
        expect({ seed, range: scan.range() }).toEqual({ seed, range: expected });
        expect({ seed, enough: scan.hasEnoughDistinctValues() }).toEqual({ seed, enough: distinctMin === distinct });
      }
    }
  });
});
