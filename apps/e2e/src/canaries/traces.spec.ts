import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { Canaries } from './traces.ts';

const canaries = new Canaries(['filename', 'prompt']);
const name = canaries.nameOf('prompt');
const around = (text: string, encoding: BufferEncoding) => Buffer.from(`Frau ${text}, geb. 1947`, encoding);

function zipped(data: Buffer): Buffer {
  const fixed = Buffer.alloc(30);
  fixed.write('PK\x03\x04', 'latin1');
  fixed.writeUInt16LE(8, 8);
  fixed.writeUInt16LE(1, 26);
  return Buffer.concat([Buffer.from('before'), fixed, Buffer.from('n'), deflateRawSync(data), Buffer.from('behind')]);
}

const hex = Buffer.from(name).toString('hex');

/** What a careless line of code may turn a text into before it writes it somewhere. */
const SPELLINGS: Readonly<Record<string, Buffer>> = {
  plain: around(name, 'utf8'),
  'lower case': around(name.toLowerCase(), 'utf8'),
  'upper case': around(name.toUpperCase(), 'utf8'),
  'UTF-16, little endian': around(name, 'utf16le'),
  'UTF-16, big endian': around(name, 'utf16le').swap16(),
  hexadecimal: Buffer.from(around(name, 'utf8').toString('hex')),
  'hexadecimal in capitals': Buffer.from(around(name, 'utf8').toString('hex').toUpperCase()),
  'percent-encoded': Buffer.from(hex.replaceAll(/../g, '%$&')),
  'escaped as in JSON': Buffer.from(hex.replaceAll(/../g, '\\u00$&')),
  'base64, first place': Buffer.from(Buffer.from(`${name}x`).toString('base64')),
  'base64, second place': Buffer.from(Buffer.from(`a${name}`).toString('base64')),
  'base64, third place': Buffer.from(Buffer.from(`ab${name}yz`).toString('base64')),
  'base64 for addresses': Buffer.from(Buffer.from(`\xff\xfe${name}`).toString('base64url')),
  'base64 of capitals': Buffer.from(Buffer.from(name.toUpperCase()).toString('base64')),
  gzip: gzipSync(around(name, 'utf8')),
  'gzip of UTF-16': gzipSync(around(name, 'utf16le')),
  'a member of an archive': zipped(around(name, 'utf8')),
};

describe('a planted name', () => {
  it.each(Object.entries(SPELLINGS))('is found %s', (_, bytes) => {
    expect(canaries.carriersIn(bytes)).toEqual(['prompt']);
  });

  it('is found without the number that says where it came from', () => {
    expect(canaries.carriersIn('quillfeather')).toEqual(['unknown']);
  });

  it('is not found where it is not', () => {
    for (const bytes of ['', 'Quill feather', Buffer.from('quillfeathe'), zipped(Buffer.from('nobody'))]) {
      expect(canaries.carriersIn(bytes)).toEqual([]);
    }
  });
});
