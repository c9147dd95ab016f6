import { formatNpyHeader } from '../npy-header.ts';
import { below, mutate, pick, shuffleParts } from './random.ts';
import { uint16, uint32 } from './raw-zip.ts';

/** Headers that are almost what NumPy writes: words removed, repeated, swapped, replaced; other versions; then bytes. */

const WORDS = /'[^']*'|\d+|True|False|\s+|./gs;
const PREFIX_BYTES = 10;

const shapes = [[2, 3, 4], [1, 1, 24], [3], [24], []];
const descrs = ['|u1', '|i1', '<u2', '>u2', '<i4', '>i4', '<f4', '>f4', '<f8', '>f8', '|b1', '<i8', '>u8'];
const seeds = shapes.flatMap((shape) =>
  descrs.flatMap((descr) =>
    [false, true].map((fortranOrder) => {
      const text = formatNpyHeader({ descr, fortranOrder, shape }).toString('latin1', PREFIX_BYTES);
      return text.match(WORDS) ?? [];
    }),
  ),
);

const words = [
  ...descrs.map((descr) => `'${descr}'`),
  ...[
    '=f4',
    'f4',
    '|f4',
    '<u1',
    '>u1',
    '|O',
    '<U1',
    '|S1',
    '|V1',
    '<M8',
    '<c8',
    '<f2',
    '?',
    '<b1',
    '<u3',
    '|u01',
    '',
  ].map((descr) => `'${descr}'`),
  ...[
    "'descr'",
    "'fortran_order'",
    "'shape'",
    'True',
    'False',
    'None',
    '0',
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
    '12',
    '24',
    '00',
  ],
  ...[
    '02',
    '2048',
    '2147483648',
    '4294967296',
    '9999999999',
    '99999999999',
    '-1',
    '2L',
    '0x2',
    '2.0',
    '1_0',
    '()',
    '(2,)',
  ],
  ...[
    '(2, 3, 4)',
    '(2,3,4,)',
    '(4, 3, 2)',
    ' ',
    '  ',
    '\n',
    '\t',
    '\0',
    ',',
    ', ',
    ':',
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    '#',
  ],
];
const KINDS = [/^'[^_a]*'$/, /^-?\d/, /^(True|False|None)$/];
const versions = [
  [1, 0],
  [1, 0],
  [1, 0],
  [2, 0],
  [3, 0],
  [0, 0],
  [4, 0],
  [1, 1],
] as const;

/** Mostly a word of the same kind: a header that keeps its grammar gets further. */
function invent(old: string | undefined, random: () => number): string {
  const kind = old === undefined ? undefined : KINDS.find((pattern) => pattern.test(old));
  return pick(random, kind === undefined || random() < 0.2 ? words : words.filter((word) => kind.test(word)));
}

/** Another mutant on each call; data may follow. */
export function npyHeaderMutant(random: () => number): Buffer {
  const text = [...pick(random, seeds)];
  const changes = below(random, 4);
  for (let change = 0; change < changes; change += 1) shuffleParts(text, random, (old) => invent(old, random));
  const body = Buffer.from(text.join(''), 'latin1');
  const version = pick(random, versions);
  const bytes = random() < 0.9 ? body.length : Math.max(0, body.length + below(random, 9) - 4);
  const length = version[0] === 1 ? uint16(bytes) : uint32(bytes);
  const mutant = Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.from(version), length, body]);
  return random() < 0.2 ? mutate(mutant, random) : mutant;
}
