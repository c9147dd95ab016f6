import { afterAll, describe, expect, it } from '@jest/globals';

import { globalNamed } from './pickle-value.ts';
import { DEFAULT_MASK_LIMITS, readMask } from './read-mask.ts';
import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import { HOSTILE_SOURCES } from './testing/corpus/hostile-case.ts';
import type { HostileCase } from './testing/corpus/hostile-case.ts';
import { hostileCases } from './testing/corpus/hostile-cases.ts';
import { hostileGlobals } from './testing/corpus/hostile-pickles.ts';
import { outcomeOf, smallNpz, smallPrompts, testPolicy, testShape } from './testing/npz-cases.ts';
import { Stopwatch } from './testing/stopwatch.ts';
import { VolumeError } from './volume-error.ts';

/** A prompt's member may be this long; files above take the time that their bytes take. */
const SMALL_FILE_BYTES_MAX = 256 * 1024;
const CASES_MIN = 150;

/** These are refused before anybody looks into a member. */
const STRUCTURAL_KINDS = ['ends of archives', 'entries of archives', 'names of members'] as const;

/** The same archive with a mask in it: both names have four letters. */
function asMask(input: Buffer): Buffer {
  return Buffer.from(input.toString('latin1').replaceAll('imgs.npy', 'segs.npy'), 'latin1');
}

const stopwatch = new Stopwatch();

async function check(file: Buffer): Promise<string> {
  return outcomeOf(file, (sourcePath, targetPath) =>
    stopwatch.measure(() => rebuildInput({ sourcePath, targetPath, policy: testPolicy, geometry: NO_GEOMETRY })),
  );
}

describe('the hostile corpus', () => {
  afterAll(() => {
    process.stdout.write(`hostile corpus: slowest small file ${stopwatch.slowestMs.toFixed(1)} ms\n`);
  });

  it('begins with a file that is accepted', async () => {
    expect(await check(smallNpz(smallPrompts))).toBe('accepted');
  });

  describe.each(Object.entries(hostileCases))('%s', (_kind, cases) => {
    it.each(cases.map((one: HostileCase) => [one.name, one.source, one.code, one] as const))(
      '%s (%s): %s',
      async (_name, _source, code, { file }) => {
        const bytes = file();
        expect(await check(bytes)).toBe(code);
        if (bytes.length <= SMALL_FILE_BYTES_MAX) await stopwatch.judge(() => check(bytes));
      },
    );
  });

  it('holds no name that the pickle reader knows, wherever it stands', () => {
    for (const [, module, name] of hostileGlobals) expect(() => globalNamed(module, name)).toThrow(VolumeError);
    expect(globalNamed('numpy', 'dtype')).toEqual({ kind: 'global', name: 'dtype' });
  });

  it.each(STRUCTURAL_KINDS)('%s: a model that writes such a mask is refused alike', async (kind) => {
    const maskCode = (file: Buffer) =>
      outcomeOf(asMask(file), (path) =>
        readMask(path, { shape: testShape, expectation: { kind: 'instances' }, limits: DEFAULT_MASK_LIMITS }),
      );
    expect(await maskCode(smallNpz())).toBe('accepted');
    for (const { name, code, file } of hostileCases[kind]) {
      expect({ name, code: await maskCode(file()) }).toEqual({ name, code });
    }
  });

  it(`has at least ${CASES_MIN} cases, each with a name of its own, and some from every source`, () => {
    const all = Object.entries(hostileCases).flatMap(([kind, cases]) => cases.map((one) => ({ kind, ...one })));
    const names = all.map(({ kind, name }) => `${kind}: ${name}`);
    expect(new Set(names).size).toBe(all.length);
    expect(all.length).toBeGreaterThanOrEqual(CASES_MIN);
    const table = Object.entries(HOSTILE_SOURCES).map(([source, what]) => ({
      source,
      what,
      cases: all.filter((one) => one.source === source).length,
    }));
    process.stdout.write(
      [
        `hostile corpus: ${all.length} cases`,
        ...table.map(({ source, what, cases }) => `  ${String(cases).padStart(3)}  ${source}: ${what}`),
        '',
      ].join('\n'),
    );
    expect(table.filter(({ cases }) => cases === 0)).toEqual([]);
  });
});
