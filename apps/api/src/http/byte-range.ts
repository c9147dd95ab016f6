import type { ByteRange } from '@bpi/jobs';

/** What a `Range` header asks of something that is `bytes` long. */
export type RangeAnswer = { kind: 'whole' } | { kind: 'part'; range: ByteRange } | { kind: 'unsatisfiable' };

/**
 * RFC 9110 §14: one range `a-b`, `a-` or `-n`. Several ranges, other units and malformed headers are answered with
 * the whole, as the RFC allows.
 */
export function parseRange(header: string | undefined, bytes: number): RangeAnswer {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(' ', '') ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return { kind: 'whole' };
  if (first === '') {
    const length = Math.min(Number(last), bytes);
    if (length === 0) return { kind: 'unsatisfiable' };
    return { kind: 'part', range: { start: bytes - length, end: bytes - 1 } };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return { kind: 'whole' };
  if (start >= bytes) return { kind: 'unsatisfiable' };
  const end = last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  return { kind: 'part', range: { start, end } };
}
