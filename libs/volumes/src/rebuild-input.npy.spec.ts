import { describe, expect, it } from '@jest/globals';

import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import type { InputPolicy } from './input-policy.ts';
import { withHeader, withImgs } from './testing/corpus/hostile-case.ts';
import { floats, npy, outcomeOf, smallNpz, testPolicy } from './testing/npz-cases.ts';

/** What is refused whatever the policy says is in testing/corpus. */
const rebuild = (bytes: Buffer, policy: InputPolicy = testPolicy) =>
  outcomeOf(bytes, (sourcePath, targetPath) => rebuildInput({ sourcePath, targetPath, policy, geometry: NO_GEOMETRY }));
const imgs = (...values: readonly number[]) => withImgs(npy('<f4', [1, 1, values.length], floats(...values)));
const spacing = (content: Buffer) => smallNpz({ name: 'spacing.npy', content });

describe('arrays that are accepted', () => {
  const ones = Buffer.from('000000000000000100000000000000010000000000000005', 'hex');
  const cases: readonly (readonly [string, Buffer])[] = [
    ['any order of keys', withHeader("{'shape': (2, 3, 4), 'descr': '|u1', 'fortran_order': False}\n")],
    ['no spaces', withHeader("{'descr':'|u1','fortran_order':True,'shape':(2,3,4)}\n")],
    ['version 2', withHeader("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }   \n", [2, 0])],
    ['version 3', withHeader("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }\n", [3, 0])],
    ['0 to 255 as floats', imgs(0, 17.5, 255)],
    ['normalized floats', imgs(0, 0.5, 1)],
    ['a spacing of floats', spacing(npy('<f4', [3], floats(0.5, 0.5, 5)))],
    ['a spacing of 64-bit integers', spacing(npy('>i8', [3], ones))],
  ];
  it.each(cases)('%s', async (_name, bytes) => {
    expect(await rebuild(bytes)).toBe('accepted');
  });
});

describe('a policy', () => {
  it('refuses types that it does not list: dtype_unsupported', async () => {
    expect(await rebuild(smallNpz(), { ...testPolicy, dtypes: ['float32'] })).toBe('dtype_unsupported');
  });

  it('refuses files above its upload limit: too_large', async () => {
    const limits = { ...testPolicy.limits, uploadBytesMax: 100 };
    expect(await rebuild(smallNpz(), { ...testPolicy, limits })).toBe('too_large');
  });
});
