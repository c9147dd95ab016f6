import { describe, expect, it } from '@jest/globals';
import { createLog } from './log.ts';
import { labelOf, statusClassOf, withTaps } from './log-taps.ts';

describe('a tapped log', () => {
  it('writes what the log writes, and shows each event to its own tap', () => {
    const [plain, tapped]: string[][] = [[], []];
    const seen: unknown[] = [];
    const log = withTaps(
      createLog(
        (line) => tapped?.push(line),
        () => 0,
      ),
      { 'queue.depth': (fields) => seen.push(fields), 'job.unknown': (fields) => seen.push(fields) },
    );
    for (const one of [
      createLog(
        (line) => plain?.push(line),
        () => 0,
      ),
      log,
    ]) {
      one('queue.depth', { messages: 3 });
      one('job.unknown');
      one('service.stopped', { service: 'api' });
    }
    expect(tapped).toEqual(plain);
    expect(seen).toEqual([{ messages: 3 }, {}]);
  });
});

describe('a tap that fails', () => {
  it('fails nothing else, and the log says so', () => {
    const lines: string[] = [];
    const plain = createLog(
      (line) => lines.push(line),
      () => 0,
    );
    const log = withTaps(plain, {
      'queue.depth': () => {
        throw new TypeError('simulated');
      },
    });
    log('queue.depth', { messages: 3 });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('"messages":3');
    expect(lines[1]).toContain('"loop":"metrics","errorName":"typeerror"');
  });
});

describe('a label', () => {
  it('is one of its list, or the one word for all others', () => {
    expect([labelOf('a', ['a', 'b']), labelOf('constructor', ['a']), labelOf(undefined, ['a'])]).toEqual([
      ...['a', 'other', 'other'],
    ]);
    expect([200, 304, 499, 599, 600, -1, Number.NaN, undefined].map(statusClassOf)).toEqual([
      ...['2xx', '3xx', '4xx', '5xx', 'other', 'other', 'other', 'other'],
    ]);
  });
});
