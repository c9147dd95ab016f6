import { describe, expect, it } from '@jest/globals';
import { parityOf } from './parity-table.ts';

const test = (suite: string, title: string, status = 'passed') => ({ ancestorTitles: [suite, 'put'], title, status });

describe('parityOf', () => {
  it('prints port × behaviour × adapter, and counts what is kept', () => {
    const { lines, cells, kept } = parityOf([
      test('ObjectStore: s3', 'stores bytes'),
      test('ObjectStore: memory', 'stores bytes'),
      test('ObjectStore: s3', 'ends', 'failed'),
      test('ObjectStore: memory', 'ends'),
      test('ObjectStore: memory', 'is short'),
      test('Clients: sqlite', 'finds a key'),
      test('something else', 'that is no suite of a port'),
    ]);
    expect(lines).toEqual([
      'Clients             sqlite',
      '  put: finds a key  ✓',
      '',
      'ObjectStore          memory  s3',
      '  put: stores bytes  ✓       ✓',
      '  put: ends          ✓       ✗',
      '  put: is short      ✓       –',
    ]);
    expect({ cells, kept }).toEqual({ cells: 7, kept: 5 });
  });

  it('counts a behaviour that was skipped or failed once as not kept', () => {
    const { kept } = parityOf([
      test('Clients: sqlite', 'a', 'pending'),
      test('Clients: sqlite', 'b', 'failed'),
      test('Clients: sqlite', 'b'),
    ]);
    expect(kept).toBe(0);
  });
});
