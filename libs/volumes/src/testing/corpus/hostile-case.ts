import { imgsMember, npyWithHeader, promptsMember, smallNpz } from '../npz-cases.ts';
import { rawZip } from '../raw-zip.ts';
import type { VolumeErrorCode } from '../../volume-error.ts';

/** Where hostile cases come from: a published hole in somebody's reader, or a rule of a format that readers bend. */
export const HOSTILE_SOURCES = {
  'zip matrix': 'zip readers (zipfile, yauzl, unzipper, fflate, zip.js) answer differently',
  'zip format': 'PKWARE APPNOTE 6.3.10; a writer such as NumPy never does this',
  'zip slip': 'member names that leave the folder, or end elsewhere for another reader',
  'zip bomb': 'D. Fifield, "A better zip bomb" (2019), and plain deflate bombs',
  'CVE-2024-0450': 'CPython zipfile: members that overlap',
  'CVE-2025-8291': 'CPython zipfile: a zip64 end record that nobody checks',
  'CVE-2026-31988': 'yauzl 3.2.0: crash on an NTFS extra field',
  'CVE-2025-1944': 'picklescan: local and central names differ',
  'CVE-2025-1945': 'picklescan: flag bits in a zip header hide a member',
  'CVE-2025-10156': 'picklescan: a wrong checksum hides a member',
  'CVE-2025-1889': 'picklescan: a pickle under an unexpected name is not looked at',
  'CVE-2025-10155': 'picklescan: the file extension decides which scanner looks',
  'CVE-2019-6446': 'NumPy before 1.16.3: load() runs pickles in any array',
  'npy format': 'numpy.lib.format: NumPy evaluates a Python literal; only what NumPy writes is meant',
  'npyjs 1.2.0': 'npyjs: no bounds on shape and data',
  'array rules': 'what the arrays of an input may be',
  'pickle opcodes': 'CPython Lib/pickletools.py: opcodes that no array needs, or used as no pickler does',
  'pickle limits': 'pickles that cost more than they weigh',
  'CVE-2025-1716': 'picklescan: pip.main was on no list',
  'CVE-2025-10157': 'picklescan: submodules of listed modules were not listed',
  'CVE-2026-56315': 'picklescan: modules of the standard library that start processes were not listed',
  'GHSA-vvpj-8cmc-gx39': 'picklescan: pkgutil.resolve_name reaches every listed function',
  'GHSA-g38g-8gr9-h9xp, GHSA-7wx9-6375-f5wh': 'picklescan 1.0.4: more functions that were not listed',
  'picklescan#66': 'functions that turn a text into a callable',
  'CVE-2026-14535': 'fickling: the list of allowed names was never consulted',
  'CVE-2025-32434': 'torch.load(weights_only=True): allowed names that call others',
  'CVE-2026-24747': 'torch.load(weights_only=True): SETITEM on something that is no dictionary',
  'modelscan#85': 'modelscan: BUILD sets attributes, PUT hides what STACK_GLOBAL takes',
  'modelscan#89': 'modelscan: every name of an allowed module, and dotted ones',
  'modelscan#330': 'modelscan: numpy.__builtins__',
  'pickleparser 0.2.1': 'pickleparser: __proto__ keys, quadratic LONG4',
  'prompt rules': 'dictionaries that a model would read otherwise than it was meant',
} as const;

export type HostileSource = keyof typeof HOSTILE_SOURCES;

/** A file that must be refused, with the reason that the client shall read. */
export type HostileCase = {
  readonly name: string;
  readonly source: HostileSource;
  readonly code: VolumeErrorCode;
  /** Made when it is needed: some are megabytes. */
  readonly file: () => Buffer;
};

/** A table of cases as rows: name, source, code, file. */
export type HostileRow = readonly [string, HostileSource, VolumeErrorCode, () => Buffer];

export function casesOf(rows: readonly HostileRow[]): readonly HostileCase[] {
  return rows.map(([name, source, code, file]) => ({ name, source, code, file }));
}

/** An input whose `text_prompts` hold this pickle. */
export function withPickle(pickle: Buffer): Buffer {
  return smallNpz(promptsMember(pickle));
}

/** An input whose `imgs` are these bytes. */
export function withImgs(content: Buffer): Buffer {
  return rawZip({ members: [imgsMember(content)] });
}

/** Data for `imgs` of 24 bytes. */
export const bytes24 = Buffer.from(Array.from({ length: 24 }, (_, index) => index));

/** An input whose `imgs` have this text as their header. */
export function withHeader(text: string, version?: readonly [number, number]): Buffer {
  return withImgs(npyWithHeader(text, bytes24, version));
}
