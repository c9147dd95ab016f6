import { describe, expect, it } from '@jest/globals';
import { unframeLogs } from './log-frames.ts';

function frame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

describe('the frames of a log', () => {
  it('are taken off, both streams in their order', () => {
    expect(unframeLogs(Buffer.concat([frame(1, 'one é\n'), frame(2, ''), frame(2, 'two\n')]))).toBe('one é\ntwo\n');
    expect(unframeLogs(Buffer.alloc(0))).toBe('');
  });

  it('are used as far as they go when they are cut off', () => {
    const whole = Buffer.concat([frame(1, 'one\n'), frame(2, 'two\n')]);
    expect(unframeLogs(whole.subarray(0, -2))).toBe('one\ntw');
    expect(unframeLogs(whole.subarray(0, 15))).toBe('one\n');
  });
});
