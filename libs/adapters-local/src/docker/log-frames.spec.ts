import { describe, expect, it } from '@jest/globals';
import { unframeLogs } from './log-frames.ts';

function frame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

describe('unframing a container’s output', () => {
  it('keeps both streams in the engine’s order', () => {
    const framed = Buffer.concat([frame(1, 'a\n'), frame(2, 'b\n'), frame(1, ''), frame(1, 'c\n')]);
    expect(unframeLogs(framed, 100).toString()).toBe('a\nb\nc\n');
  });

  it('keeps the end of each stream when there is too much', () => {
    const framed = Buffer.concat([frame(2, 'why'), frame(1, 'x'.repeat(50)), frame(2, '!'), frame(1, 'end')]);
    expect(unframeLogs(framed, 10).toString()).toBe('whyxx!end');
  });

  it('uses a frame that is cut off as far as it goes, and needs none', () => {
    const whole = Buffer.concat([frame(1, 'a'), frame(2, 'bcd')]);
    expect(unframeLogs(whole.subarray(0, whole.length - 1), 100).toString()).toBe('abc');
    expect(unframeLogs(whole.subarray(0, 12), 100).toString()).toBe('a');
    expect(unframeLogs(Buffer.alloc(0), 100)).toHaveLength(0);
  });
});
