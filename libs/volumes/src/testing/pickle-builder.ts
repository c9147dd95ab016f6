import { uint32 } from './raw-zip.ts';

/** Pieces of pickles, for cases that no pickler writes. Opcodes: CPython Lib/pickletools.py. */
export function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function unicode(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([ascii('X'), uint32(bytes.length), bytes]);
}

const HEAD =
  '\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01)cnumpy\ndtype\n' +
  'X\x02\x00\x00\x00O8\x89\x88\x87R(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]';

/** A 0-d object array around the opcodes that make its only value. */
export function objectScalar(value: Buffer, end: Buffer = ascii('atb.')): Buffer {
  return Buffer.concat([ascii(HEAD), value, end]);
}

/** The opcodes of a dictionary from opcodes of keys and values. */
export function dict(...entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return Buffer.concat([ascii('}('), ...entries.flat(), ascii('u')]);
}

/** The opcodes of a dtype as NumPy pickles it; what isn't given is that of `O8`. */
export function dtypeOpcodes(
  code: string,
  state: {
    readonly byteOrder?: string;
    readonly itemBytes?: number;
    readonly alignment?: number;
    readonly flags?: number;
    readonly twice?: boolean;
  },
): Buffer {
  const int32 = (value: number) => Buffer.concat([ascii('J'), uint32(value >>> 0)]);
  const build = Buffer.concat([
    ascii('(K\x03'),
    unicode(state.byteOrder ?? '|'),
    ascii('NNN'),
    ...[state.itemBytes ?? -1, state.alignment ?? -1, state.flags ?? 63].map(int32),
    ascii('tb'),
  ]);
  const made = Buffer.concat([ascii('cnumpy\ndtype\n'), unicode(code), ascii('\x89\x88\x87R'), build]);
  return state.twice === true ? Buffer.concat([made, build]) : made;
}
