import { INSTANCE_LABEL_KEY } from './prompts.ts';
import type { Prompts } from './prompts.ts';

/**
 * Pickle, protocol 3, of a 0-d object array with a dictionary. The `numpy.core` name loads in NumPy 1.24 to 2.x;
 * the `numpy._core` that NumPy 2 writes itself does not load before 1.26.
 */
const HEAD =
  '\x80\x03' + // PROTO 3
  'cnumpy.core.multiarray\n_reconstruct\n' +
  'cnumpy\nndarray\n' +
  'K\x00\x85C\x01b\x87R' + // (ndarray, (0,), b'b') REDUCE
  '(K\x01)' + // state: version 1, shape ()
  'cnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87R' + // dtype('O8', False, True)
  '(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb' + // its state
  '\x89]'; // not Fortran order, list of values
const TAIL = 'atb.'; // APPEND, TUPLE, BUILD, STOP

/** The data of `text_prompts.npy`: labels ascending, `instance_label` last. */
export function pickledPrompts(prompts: Prompts): Buffer {
  const entries = prompts.labels.flatMap(({ id, prompt }) => [pickledString(String(id)), pickledString(prompt)]);
  return Buffer.concat([
    Buffer.from(`${HEAD}}(`, 'latin1'), // EMPTY_DICT MARK
    ...entries,
    pickledString(INSTANCE_LABEL_KEY),
    Buffer.from([0x4b, prompts.instanceLabel, 0x75]), // BININT1, SETITEMS
    Buffer.from(TAIL, 'latin1'),
  ]);
}

function pickledString(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const head = Buffer.alloc(5);
  head.writeUInt8(0x58, 0); // BINUNICODE
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
