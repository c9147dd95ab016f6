import { describe, expect, it } from '@jest/globals';
import { PROBLEM_CODES, PROBLEMS, retryAfterSOf } from './problems.ts';

describe('the problems', () => {
  it.each(PROBLEM_CODES)('%s has a fixed sentence of its own and a fitting status', (code) => {
    const { fault, retryable, status, title } = PROBLEMS[code];
    expect(code).toMatch(/^[a-z][a-z_]*$/);
    expect(title).toMatch(/^[A-Za-z].*\.$/);
    expect(title).not.toMatch(/[{}$<>%]/);
    expect(Object.values(PROBLEMS).filter((other) => other.title === title)).toHaveLength(1);
    expect(fault).toBe(status >= 500 ? 'platform' : 'user');
    expect(status).toBeGreaterThanOrEqual(400);
    if (status >= 500 || status === 429) expect(retryable).toBe(true);
    if (status === 422) expect(retryable).toBe(false);
    if (status === 429 || status === 503) expect(retryAfterSOf(code)).toBeGreaterThanOrEqual(1);
  });
});
