import { describe, expect, it } from '@jest/globals';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { arrayBlocks } from './array-blocks.ts';
import { parseArrayType } from './dtype.ts';
import { npyHeaderBytes, parseNpyHeader } from './npy-header.ts';
import { parsePrompts } from './prompts.ts';
import { DEFAULT_MASK_LIMITS, readMask } from './read-mask.ts';
import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import { runMutants } from './testing/mutant-run.ts';
import type { Accepted, MutantReport } from './testing/mutant-run.ts';
import { mutationPlan } from './testing/mutation-plan.ts';
import { inFolder, npy, testPolicy } from './testing/npz-cases.ts';
import { npyHeaderMutant } from './testing/npy-mutants.ts';
import { pickleMutant } from './testing/pickle-mutants.ts';
import { seededRandom } from './testing/random.ts';
import { zipMutant } from './testing/zip-mutants.ts';
import type { ZipMutant } from './testing/zip-mutants.ts';
import { VolumeError } from './volume-error.ts';

const plan = mutationPlan(process.env);
const python = process.env['BPI_TEST_PYTHON'];
const MINUTE_MS = 60_000;

/** Prints the figures, and expects NumPy to have read everything that was accepted as the same values. */
function expectAgreement(what: string, mutants: number, startedMs: number, report: MutantReport): void {
  const { refused, accepted, slowestMs, verdicts } = report;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(
    `${mutants} mutants of ${what} in ${seconds} s: ${accepted} accepted, slowest ${slowestMs.toFixed(1)} ms; ` +
      `refused: ${JSON.stringify(refused)}\n`,
  );
  for (const verdict of Object.values(verdicts)) {
    expect({ reasons: verdict.reasons, disagreements: verdict.disagreements }).toEqual({
      reasons: {},
      disagreements: [],
    });
  }
  expect(Object.values(verdicts).reduce((checked, verdict) => checked + verdict.checked, 0)).toBe(accepted);
}

describe(`mutants (BPI_TEST_SEED=${plan.seed})`, () => {
  it(
    'of a pickle end in prompts as NumPy reads them, or in a VolumeError',
    async () => {
      const random = seededRandom(plan.seed);
      const header = { descr: '|O', fortranOrder: false, shape: [] };
      const startedMs = performance.now();
      const report = await runMutants<Buffer>({
        mutants: plan.pickles,
        kinds: ['pickles'],
        make: () => pickleMutant(random),
        read: async (pickle) => {
          const prompts = parsePrompts({ header, data: pickle }, testPolicy.limits);
          return { kind: 'pickles', source: npy('|O', [], pickle), understood: { prompts } };
        },
        bytesOf: (pickle) => pickle,
        python,
      });
      expectAgreement('pickles', plan.pickles, startedMs, report);
      expect(report.accepted).toBeGreaterThan(plan.pickles / 100);
    },
    10 * MINUTE_MS,
  );

  it(
    'of an NPY header end in an array as NumPy reads it, or in a VolumeError',
    async () => {
      const random = seededRandom(plan.seed + 1);
      const startedMs = performance.now();
      const report = await runMutants<Buffer>({
        mutants: plan.headers,
        kinds: ['headers'],
        make: () => npyHeaderMutant(random),
        read: readHeaderMutant,
        bytesOf: (header) => header,
        python,
      });
      expectAgreement('NPY headers', plan.headers, startedMs, report);
      expect(report.accepted).toBeGreaterThan(plan.headers / 100);
    },
    10 * MINUTE_MS,
  );

  it(
    'of an archive end in the file that NumPy reads, or in a VolumeError, and leave nothing behind',
    async () => {
      const random = seededRandom(plan.seed + 2);
      const startedMs = performance.now();
      const report = await inFolder(async (folder) => {
        const found = await runMutants<ZipMutant>({
          mutants: plan.archives,
          kinds: ['inputs', 'masks'],
          make: () => zipMutant(random),
          read: (mutant) => readZipMutant(folder, mutant),
          bytesOf: ({ bytes }) => bytes,
          python,
        });
        expect(await readdir(folder)).toEqual(['source']);
        return found;
      });
      expectAgreement('archives', plan.archives, startedMs, report);
      expect(report.accepted).toBeGreaterThan(plan.archives / 100);
    },
    20 * MINUTE_MS,
  );
});

/** As much data as a header asks for, up to this; more would only slow the test down. */
const DATA_BYTES_MAX = 4096;
const pattern = Buffer.from(Array.from({ length: DATA_BYTES_MAX }, (_, index) => (index * 37 + 11) % 251));

async function readHeaderMutant(mutant: Buffer): Promise<Accepted> {
  const headerBytes = npyHeaderBytes(mutant);
  // Further than the bytes reach: the reader of members says the same.
  if (headerBytes > mutant.length) throw new VolumeError('npy_header');
  const header = parseNpyHeader(mutant.subarray(0, headerBytes));
  const type = parseArrayType(header.descr);
  if (type === undefined) throw new VolumeError('dtype_unsupported');
  const items = header.shape.reduce((product, dim) => product * dim, 1);
  if (items * type.itemBytes > DATA_BYTES_MAX) throw new VolumeError('too_large');
  // NumPy has truth values only as 0 and 1.
  const bytes = pattern.subarray(0, items * type.itemBytes).map((byte) => (type.dtype === 'bool' ? byte % 2 : byte));
  const data = Buffer.from(bytes);
  const blocks: Buffer[] = [];
  for await (const block of arrayBlocks(single(data), type, items)) blocks.push(Buffer.from(block.bytes));
  return {
    kind: 'headers',
    source: Buffer.concat([mutant.subarray(0, headerBytes), data]),
    understood: {
      shape: header.shape,
      dtype: type.dtype,
      fortranOrder: header.fortranOrder,
      littleEndian: Buffer.concat(blocks).toString('base64'),
    },
  };
}

async function* single(data: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield data;
}

async function readZipMutant(folder: string, { kind, bytes }: ZipMutant): Promise<Accepted> {
  const sourcePath = join(folder, 'source');
  const targetPath = join(folder, 'target');
  await writeFile(sourcePath, bytes);
  if (kind === 'mask') {
    const shape = [2, 3, 4] as const;
    const mask = await readMask(sourcePath, {
      shape,
      expectation: { kind: 'instances' },
      limits: DEFAULT_MASK_LIMITS,
    });
    return { kind: 'masks', source: bytes, understood: { shape, ids: [...mask.data] } };
  }
  const summary = await rebuildInput({ sourcePath, targetPath, policy: testPolicy, geometry: NO_GEOMETRY });
  const rebuilt = (await readFile(targetPath)).toString('base64');
  await rm(targetPath);
  return { kind: 'inputs', source: bytes, understood: { rebuilt, summary } };
}
