import { npy, smallNpz } from '../npz-cases.ts';
import { ascii, dict, objectScalar, unicode } from '../pickle-builder.ts';
import { casesOf, withPickle } from './hostile-case.ts';
import type { HostileRow, HostileSource } from './hostile-case.ts';

/** Dictionaries that NumPy loads and a model would misread. */

const liver = unicode('liver');
const one = unicode('1');
const instance = unicode('instance_label');
const refused = (
  name: string,
  entries: readonly (readonly [Buffer, Buffer])[],
  source: HostileSource = 'prompt rules',
): HostileRow => [name, source, 'prompts_malformed', () => withPickle(objectScalar(dict(...entries)))];
const prompt = (name: string, opcodes: Buffer) => refused(name, [[one, opcodes]]);
const labels = ['0', '256', '01', '+1', '-1', '1.0', ' 1', '1 ', '1000', '', 'liver', '١', '1_0', '1e1', '0x1', '１'];

export const hostilePrompts = casesOf([
  refused('no labels', [[instance, ascii('K\x00')]]),
  refused('an empty dictionary', []),
  [
    'lists in lists',
    'prompt rules',
    'prompts_malformed',
    () => withPickle(objectScalar(Buffer.concat([Buffer.alloc(4000, ']'), Buffer.alloc(3999, 'a')]))),
  ],
  ['no dictionary', 'prompt rules', 'prompts_malformed', () => withPickle(objectScalar(liver))],
  [
    'an array inside of the array',
    'prompt rules',
    'prompts_malformed',
    () => withPickle(objectScalar(objectScalar(liver, ascii('atb')).subarray(2))),
  ],
  prompt('an empty prompt', unicode('')),
  prompt('a blank prompt', unicode(' \u00a0 ')),
  prompt('a thousand and one characters', unicode('x'.repeat(1001))),
  prompt('the separator', unicode('liver[SEP]spleen')),
  prompt('a line feed', unicode('liver\nspleen')),
  prompt('a NUL', unicode('liver\0')),
  prompt('an escape sequence', unicode('\u001b[2Jliver')),
  prompt('DEL', unicode('liver\u007f')),
  prompt('C1', unicode('liver\u0085')),
  prompt('a number as prompt', ascii('K\x05')),
  prompt('a fraction as prompt', ascii('G\x3f\xf0\0\0\0\0\0\0')),
  prompt('nothing as prompt', ascii('N')),
  prompt('a list as prompt', ascii(']')),
  prompt('a dictionary as prompt', ascii('}')),
  prompt('bytes as prompt', ascii('C\x05liver')),
  prompt('a name as prompt', ascii('cnumpy\ndtype\n')),
  ...labels.map((label) => refused(`label ${JSON.stringify(label)}`, [[unicode(label), liver]])),
  ...['__proto__', 'constructor', 'prototype'].map((label) =>
    refused(`label ${label}`, [[unicode(label), dict([unicode('polluted'), liver])]], 'pickleparser 0.2.1'),
  ),
  refused('an integer as label', [[ascii('K\x01'), liver]]),
  refused('instance label 2', [
    [one, liver],
    [instance, ascii('K\x02')],
  ]),
  refused('instance label -1', [
    [one, liver],
    [instance, ascii('J\xff\xff\xff\xff')],
  ]),
  refused('instance label True', [
    [one, liver],
    [instance, ascii('\x88')],
  ]),
  refused('instance label 1.0', [
    [one, liver],
    [instance, ascii('G\x3f\xf0\0\0\0\0\0\0')],
  ]),
  refused('instance label "1"', [
    [one, liver],
    [instance, one],
  ]),
  refused(
    'sixty-five labels',
    Array.from({ length: 65 }, (_, index) => [unicode(String(index + 1)), liver] as const),
  ),
  [
    'an array of text',
    'prompt rules',
    'prompts_malformed',
    () => smallNpz({ name: 'text_prompts.npy', content: npy('<U1', [], Buffer.alloc(4)) }),
  ],
  [
    'a vector of objects',
    'prompt rules',
    'prompts_malformed',
    () => smallNpz({ name: 'text_prompts.npy', content: npy('|O', [1], objectScalar(dict())) }),
  ],
]);
