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
