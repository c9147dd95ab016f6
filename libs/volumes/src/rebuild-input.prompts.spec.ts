import { describe, expect, it } from '@jest/globals';

import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import type { InputPolicy } from './input-policy.ts';
import { withPickle } from './testing/corpus/hostile-case.ts';
import { numpyPickles } from './testing/corpus/numpy-seeds.ts';
import { outcomeOf, smallNpz, testPolicy } from './testing/npz-cases.ts';
import { ascii, dict, objectScalar, unicode } from './testing/pickle-builder.ts';

/** What is refused is in testing/corpus. */
const rebuild = (bytes: Buffer, policy: InputPolicy = testPolicy) =>
  outcomeOf(bytes, (sourcePath, targetPath) => rebuildInput({ sourcePath, targetPath, policy, geometry: NO_GEOMETRY }));
const withEntries = (...entries: readonly (readonly [Buffer, Buffer])[]) => withPickle(objectScalar(dict(...entries)));

describe('prompts', () => {
  const liver = unicode('liver');
  const one = unicode('1');
  const instance = unicode('instance_label');
  const cases: readonly (readonly [string, Buffer])[] = [
    ['one label', withEntries([one, liver])],
    ['label 255', withEntries([unicode('255'), liver])],
    [
      'sixty-four labels',
      withEntries(...Array.from({ length: 64 }, (_, id) => [unicode(`${id + 1}`), liver] as const)),
    ],
    ['an instance label', withEntries([one, liver], [instance, ascii('K\x01')])],
    ['a thousand characters', withEntries([one, unicode('x'.repeat(1000))])],
    ['letters of every length in UTF-8', withEntries([one, unicode('aä€😀')])],
    [
      'objects of a 32-bit machine',
      withPickle(
        ascii(
          objectScalar(dict([one, liver]))
            .toString('latin1')
            .replace('O8', 'O4'),
        ),
      ),
    ],
    ...numpyPickles.map((pickle, index) => [`pickle ${index} of NumPy 1 and 2`, withPickle(pickle)] as const),
  ];
  it.each(cases)('%s', async (_name, bytes) => {
    expect(await rebuild(bytes)).toBe('accepted');
  });

  it('are asked for by models that need them', async () => {
    const policy: InputPolicy = { ...testPolicy, prompts: 'required' };
    expect(await rebuild(smallNpz(), policy)).toBe('prompts_required');
    expect(await rebuild(withEntries([one, liver]), policy)).toBe('accepted');
  });
});
