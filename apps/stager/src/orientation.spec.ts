import { describe, expect, it } from '@jest/globals';
import type { Affine } from '@bpi/job-contract';
import { orientationOf, voxelVolumeMm3 } from './orientation.ts';

const affine = (rows: number[][]): Affine => [...rows, [0, 0, 0, 1]] as unknown as Affine; // written out by hand below

describe('an orientation', () => {
  it.each([
    [
      [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
      ],
      'RAS',
    ],
    [
      [
        [-1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
      ],
      'LAS',
    ],
    [
      [
        [-1, 0, 0, 0],
        [0, -1, 0, 0],
        [0, 0, 3, 0],
      ],
      'LPS',
    ],
    [
      [
        [0, 0, 2, 0],
        [1, 0, 0, 0],
        [0, -1, 0, 0],
      ],
      'AIR',
    ],
    [
      [
        [0.9, -0.4, 0, 0],
        [0.4, 0.9, 0, 0],
        [0, 0, 1, 0],
      ],
      'RAS',
    ],
  ])('of %j is %s', (rows, codes) => {
    expect(orientationOf(affine(rows))).toBe(codes);
  });

  it('is unknown without an affine', () => {
    expect(orientationOf(null)).toBe('unknown');
  });

  it('does not change the volume of a voxel', () => {
    expect(
      voxelVolumeMm3(
        affine([
          [0, 0, 2, 9],
          [1.5, 0, 0, 9],
          [0, -1, 0, 9],
        ]),
        [7, 7, 7],
      ),
    ).toBeCloseTo(3);
    expect(voxelVolumeMm3(null, [1, 2, 5])).toBe(10);
    expect(voxelVolumeMm3(null, null)).toBeNull();
  });
});
