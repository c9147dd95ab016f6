import { describe, expect, it } from '@jest/globals';

import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import type { InputPolicy } from './input-policy.ts';
import { outcomeOf, promptsMember, smallNpz, testPolicy, npy } from './testing/npz-cases.ts';
import { ascii, dict, objectScalar, unicode } from './testing/pickle-builder.ts';
import { uint32, uint64 } from './testing/raw-zip.ts';
import type { VolumeErrorCode } from './volume-error.ts';

const rebuild = (bytes: Buffer, policy: InputPolicy = testPolicy) =>
  outcomeOf(bytes, (sourcePath, targetPath) => rebuildInput({ sourcePath, targetPath, policy, geometry: NO_GEOMETRY }));
const withPickle = (pickle: Buffer) => smallNpz(promptsMember(pickle));
const withEntries = (...entries: readonly (readonly [Buffer, Buffer])[]) => withPickle(objectScalar(dict(...entries)));

describe('prompts', () => {
  const liver = unicode('liver');
  const one = unicode('1');
  const instance = unicode('instance_label');
  const cases: readonly (readonly [string, VolumeErrorCode | 'accepted', Buffer])[] = [
    ['one label', 'accepted', withEntries([one, liver])],
    ['label 255', 'accepted', withEntries([unicode('255'), liver])],
    ['an instance label', 'accepted', withEntries([one, liver], [instance, ascii('K\x01')])],
    ['a thousand characters', 'accepted', withEntries([one, unicode('x'.repeat(1000))])],
    ['no labels', 'prompts_malformed', withEntries([instance, ascii('K\x00')])],
    ['an empty dictionary', 'prompts_malformed', withEntries()],
    ['no dictionary', 'prompts_malformed', withPickle(objectScalar(liver))],
    ['an empty prompt', 'prompts_malformed', withEntries([one, unicode('')])],
    ['a blank prompt', 'prompts_malformed', withEntries([one, unicode(' \u00a0 ')])],
    ['a thousand and one characters', 'prompts_malformed', withEntries([one, unicode('x'.repeat(1001))])],
    ['the separator', 'prompts_malformed', withEntries([one, unicode('liver[SEP]spleen')])],
    ['a line feed', 'prompts_malformed', withEntries([one, unicode('liver\nspleen')])],
    ['a NUL', 'prompts_malformed', withEntries([one, unicode('liver\0')])],
    ['DEL', 'prompts_malformed', withEntries([one, unicode('liver\u007f')])],
    ['C1', 'prompts_malformed', withEntries([one, unicode('liver\u0085')])],
    ['a number as prompt', 'prompts_malformed', withEntries([one, ascii('K\x05')])],
    ['nothing as prompt', 'prompts_malformed', withEntries([one, ascii('N')])],
    ['a list as prompt', 'prompts_malformed', withEntries([one, ascii(']')])],
    ...['0', '256', '01', '+1', '-1', '1.0', ' 1', '1 ', '1000', '', 'liver', '١', '__proto__', 'constructor'].map(
      (key) => [`label ${JSON.stringify(key)}`, 'prompts_malformed', withEntries([unicode(key), liver])] as const,
    ),
    ['an integer as label', 'prompts_malformed', withEntries([ascii('K\x01'), liver])],
    ['instance label 2', 'prompts_malformed', withEntries([one, liver], [instance, ascii('K\x02')])],
    ['instance label True', 'prompts_malformed', withEntries([one, liver], [instance, ascii('\x88')])],
    ['instance label 1.0', 'prompts_malformed', withEntries([one, liver], [instance, ascii('G\x3f\xf0\0\0\0\0\0\0')])],
    ['instance label "1"', 'prompts_malformed', withEntries([one, liver], [instance, one])],
    [
      'sixty-five labels',
      'prompts_malformed',
      withEntries(...Array.from({ length: 65 }, (_, index) => [unicode(String(index + 1)), liver] as const)),
    ],
    [
      'an array of text',
      'prompts_malformed',
      smallNpz({ name: 'text_prompts.npy', content: npy('<U1', [], Buffer.alloc(4)) }),
    ],
    [
      'a vector of objects',
      'prompts_malformed',
      smallNpz({ name: 'text_prompts.npy', content: npy('|O', [1], objectScalar(dict())) }),
    ],
  ];
  it.each(cases)('%s: %s', async (_name, code, bytes) => {
    expect(await rebuild(bytes)).toBe(code);
  });

  it('are asked for by models that need them', async () => {
    const policy: InputPolicy = { ...testPolicy, prompts: 'required' };
    expect(await rebuild(smallNpz(), policy)).toBe('prompts_required');
    expect(await rebuild(withEntries([one, liver]), policy)).toBe('accepted');
  });
});

describe('hostile pickles', () => {
  const liver = [unicode('1'), unicode('liver')] as const;
  const good = objectScalar(dict(liver));
  const p4 = (body: string) => ascii(`\x80\x04${body}`);
  const short = (text: string) => `\x8c${String.fromCharCode(text.length)}${text}`;
  const cases: readonly (readonly [string, Buffer])[] = [
    ['os.system by GLOBAL, protocol 2', ascii('\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.')],
    ['os.system by GLOBAL, protocol 3', ascii('\x80\x03cos\nsystem\nX\x02\0\0\0id\x85R.')],
    ['os.system by STACK_GLOBAL', p4(`${short('os')}${short('system')}\x93${short('id')}\x85R.`)],
    ['posix.system by STACK_GLOBAL', p4(`${short('posix')}${short('system')}\x93${short('id')}\x85R.`)],
    ['os.system as a prompt', objectScalar(dict([unicode('1'), ascii('cos\nsystem\nX\x02\0\0\0id\x85R')]))],
    ['a dotted name', p4(`${short('numpy')}${short('ndarray.os.system')}\x93.`)],
    ['another name of an allowed module', p4(`${short('numpy')}${short('load')}\x93.`)],
    ['builtins.eval', ascii('\x80\x02c__builtin__\neval\nX\x01\0\0\x001\x85R.')],
    ['a name that is split elsewhere', p4(`${short('numpy dtype')}${short('')}\x93.`)],
    ['INST', ascii('\x80\x02(X\x02\0\0\0idios\nsystem\n.')],
    ['OBJ', ascii('\x80\x02(cos\nsystem\nX\x02\0\0\0ido.')],
    ['NEWOBJ', ascii('\x80\x02cnumpy\nndarray\n)\x81.')],
    ['PERSID', ascii('\x80\x02Pid\n.')],
    ['BINPERSID', ascii('\x80\x02X\x02\0\0\0idQ.')],
    ['EXT1', ascii('\x80\x02\x82\x01.')],
    ['protocol 0', ascii("cos\nsystem\n(S'id'\ntR.")],
    ['protocol 1', ascii('\x80\x01N.')],
    ['protocol 6', Buffer.concat([ascii('\x80\x06'), good.subarray(2)])],
    ['a string of 2^62 bytes', Buffer.concat([ascii('\x80\x04\x8d'), uint64(2n ** 62n)])],
    ['bytes of 2^62 bytes', Buffer.concat([ascii('\x80\x04\x8e'), uint64(2n ** 62n)])],
    ['a string of 4 GiB', Buffer.concat([ascii('\x80\x03X'), uint32(0xffffffff)])],
    ['200 000 marks', Buffer.concat([ascii('\x80\x03'), Buffer.alloc(200_000, '(')])],
    ['a memo bomb', Buffer.concat([ascii('\x80\x04N'), Buffer.alloc(40_000, 0x94), ascii('.')])],
    ['a growing list', Buffer.concat([ascii('\x80\x04]\x94('), ascii('h\0h\0h\0e'.repeat(20_000)), ascii('.')])],
    ['LONG4', Buffer.concat([ascii('\x80\x02\x8b'), uint32(100_000), Buffer.alloc(100_000)])],
    ['a long of nine bytes', objectScalar(dict([unicode('1'), ascii(`\x8a\x09${'\x01'.repeat(9)}`)]))],
    ['a list that holds itself', ascii('\x80\x03]q\0h\0a.')],
    ['a lone surrogate', objectScalar(dict([unicode('1'), unicode(Buffer.from('eda080', 'hex'))]))],
    ['bytes behind the end', Buffer.concat([good, ascii('N.')])],
    ['two values on the stack', Buffer.concat([ascii('\x80\x03N'), good.subarray(2)])],
    ['a label twice', objectScalar(dict(liver, liver))],
    ['a dictionary without its last value', objectScalar(dict(liver, [unicode('2'), ascii('')]))],
    ['a frame beyond the end', Buffer.concat([ascii('\x80\x04\x95'), uint64(2n ** 40n), good.subarray(2)])],
    [
      'a frame inside of a frame',
      Buffer.concat([ascii('\x80\x04\x95'), uint64(20n), ascii('\x95'), uint64(1n), good.subarray(2)]),
    ],
    ['SETITEMS on a list', objectScalar(Buffer.concat([ascii(']('), ...liver, ascii('u')]))],
    ['SETITEMS on a tuple', objectScalar(Buffer.concat([ascii(')('), ...liver, ascii('u')]))],
    ['APPEND on a dictionary', objectScalar(ascii('}Na'))],
    ['BUILD on a dictionary', objectScalar(Buffer.concat([dict(liver), ascii('}b')]))],
    ['BUILD on a dictionary with a tuple', objectScalar(Buffer.concat([dict(liver), ascii(')b')]))],
    ['an array that is built twice', Buffer.concat([good.subarray(0, -1), ascii('(K\x01tb.')])],
    [
      'an array that is never built',
      ascii('\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R.'),
    ],
    ['two values in a 0-d array', objectScalar(Buffer.concat([dict(liver), ascii('a'), dict(liver)]))],
    ['a dictionary without an array', Buffer.concat([ascii('\x80\x03'), dict(liver), ascii('.')])],
    ['no end', good.subarray(0, -1)],
    ['nothing', Buffer.alloc(0)],
    ['POP from an empty stack', ascii('\x80\x030.')],
    ['BINGET of nothing', ascii('\x80\x03h\x07.')],
    ['REDUCE of a string', ascii('\x80\x03X\x02\0\0\0os)R.')],
    [
      '_codecs.encode with another codec',
      objectScalar(
        dict([
          unicode('1'),
          Buffer.concat([ascii('c_codecs\nencode\n'), unicode('a'), unicode('zip'), ascii('\x86R')]),
        ]),
      ),
    ],
    [
      'a scalar of another length',
      objectScalar(
        dict([
          unicode('1'),
          ascii(
            'cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\0\0\0i8\x89\x88\x87R(K\x03X\x01\0\0\0<NNN' +
              'J\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbC\x01\x01\x86R',
          ),
        ]),
      ),
    ],
  ];
  it.each(cases)('%s: pickle_unsupported', async (_name, pickle) => {
    expect(await rebuild(withPickle(pickle))).toBe('pickle_unsupported');
  });

  it('a text of padding, decoded over and over, takes no longer than any other', async () => {
    // np.str_ of 1023 NULs and a letter, put into a list 12 000 times from the memo.
    const text = Buffer.concat([Buffer.alloc(4 * 1023), ascii('a\0\0\0')]);
    const head = ascii(
      '\x80\x03]cnumpy.core.multiarray\nscalar\nq\0cnumpy\ndtype\nX\x05\0\0\0U1024\x89\x88\x87R(K\x03X\x01\0\0\0<NNN' +
        'J\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbB',
    );
    const pickle = [
      head,
      uint32(text.length),
      text,
      ascii('\x86q\x01'),
      ascii('Ra'),
      ascii('h\0h\x01Ra'.repeat(12_000)),
      ascii('.'),
    ];
    const startedMs = performance.now();
    expect(await rebuild(withPickle(Buffer.concat(pickle)))).toBe('pickle_unsupported');
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  });
});
