import { describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parsePrompts } from './prompts.ts';
import { DEFAULT_MASK_LIMITS, readMask } from './read-mask.ts';
import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import { pickledPrompts } from './pickle-writer.ts';
import { formatNpyHeader, npyHeaderBytes, parseNpyHeader } from './npy-header.ts';
import { imgsMember, inFolder, smallImgs, smallNpz, smallPrompts, testPolicy } from './testing/npz-cases.ts';
import { mutate, seededRandom } from './testing/random.ts';
import { rawZip } from './testing/raw-zip.ts';
import { VolumeError } from './volume-error.ts';

const seed = Number(process.env['BPI_TEST_SEED'] ?? Date.now() % 2 ** 31);
process.stdout.write(`volumes fuzz: BPI_TEST_SEED=${seed}\n`);

/** Runs `read` on mutants until the time or their number is used up; everything but a VolumeError fails the test. */
async function fuzz(
  valid: readonly Buffer[],
  read: (mutant: Buffer, index: number) => Promise<unknown> | unknown,
  bounds: { readonly mutantsMax: number; readonly durationMsMax: number },
): Promise<{ refused: number; accepted: number }> {
  const random = seededRandom(seed);
  const end = performance.now() + bounds.durationMsMax;
  const counts = { refused: 0, accepted: 0 };
  for (let index = 0; index < bounds.mutantsMax && performance.now() < end; index += 1) {
    const mutant = mutate(valid[index % valid.length] ?? Buffer.alloc(0), random);
    try {
      await read(mutant, index);
      counts.accepted += 1;
    } catch (error) {
      if (!(error instanceof VolumeError)) {
        throw new Error(`seed ${seed}, mutant ${index}: ${mutant.toString('base64')}`, { cause: error });
      }
      counts.refused += 1;
    }
  }
  return counts;
}

describe(`mutants (seed ${seed})`, () => {
  it('of a pickle end in prompts or in a VolumeError', async () => {
    const prompts = {
      labels: [
        { id: 1, prompt: 'liver' },
        { id: 2, prompt: 'spleen' },
      ],
      instanceLabel: 1 as const,
    };
    const header = { descr: '|O', fortranOrder: false, shape: [] };
    const counts = await fuzz([pickledPrompts(prompts)], (data) => parsePrompts({ header, data }, testPolicy.limits), {
      mutantsMax: 100_000,
      durationMsMax: 4000,
    });
    expect(counts.refused).toBeGreaterThan(1000);
    expect(counts.accepted).toBeGreaterThan(10);
  });

  it('of an NPY header end in a header or in a VolumeError', async () => {
    const header = formatNpyHeader({ descr: '<f4', fortranOrder: false, shape: [2, 3, 4] });
    const read = (mutant: Buffer) => parseNpyHeader(mutant.subarray(0, npyHeaderBytes(mutant)));
    const counts = await fuzz([header], read, { mutantsMax: 50_000, durationMsMax: 2000 });
    expect(counts.refused).toBeGreaterThan(1000);
  });

  it('of an archive end in a file or in a VolumeError', async () => {
    const stored = rawZip({ members: [{ ...imgsMember(), method: 0 }, smallPrompts] });
    const mask = rawZip({ members: [{ name: 'segs.npy', content: smallImgs, method: 0 }] });
    const counts = await inFolder(async (folder) =>
      fuzz(
        [smallNpz(smallPrompts), stored, mask],
        async (mutant, index) => {
          const sourcePath = join(folder, `${index}.npz`);
          await writeFile(sourcePath, mutant);
          await rebuildInput({
            sourcePath,
            targetPath: join(folder, `${index}.out`),
            policy: testPolicy,
            geometry: NO_GEOMETRY,
          });
          await readMask(sourcePath, {
            shape: [2, 3, 4],
            expectation: { kind: 'instances' },
            limits: DEFAULT_MASK_LIMITS,
          });
        },
        { mutantsMax: 20_000, durationMsMax: 6000 },
      ),
    );
    expect(counts.refused).toBeGreaterThan(500);
  }, 20_000);
});
