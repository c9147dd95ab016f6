import { describe, expect, it } from '@jest/globals';
import { FAILURE_CODES, FAILURE_MESSAGES, FAILURES, failureOfExit, type FailureCode } from './outcomes.ts';

describe('the outcome table', () => {
  it.each<[FailureCode, string, string]>([
    ['invalid_input', 'user', 'fail'],
    ['model_error', 'model', 'fail'],
    ['out_of_memory', 'model', 'retry-smaller'],
    ['invalid_output', 'model', 'fail'],
    ['attempt_timeout', 'model', 'fail'],
    ['capacity_interrupted', 'capacity', 'retry'],
    ['capacity_unavailable', 'capacity', 'retry'],
    ['model_unavailable', 'platform', 'fail'],
    ['platform_error', 'platform', 'retry'],
    ['cancelled', 'user', 'fail'],
    ['deadline_exceeded', 'capacity', 'fail'],
  ])('%s is the fault of the %s: %s', (code, fault, then) => {
    expect(FAILURES[code]).toEqual({ fault, then });
  });

  it('has a sentence for every code', () => {
    for (const code of FAILURE_CODES) expect(FAILURE_MESSAGES[code]).toMatch(/^[A-Z].+\.$/);
    expect(new Set(Object.values(FAILURE_MESSAGES)).size).toBe(FAILURE_CODES.length);
  });
});

describe('failureOfExit', () => {
  it.each<[number, FailureCode | null]>([
    [0, null],
    [1, 'model_error'],
    [10, 'invalid_input'],
    [11, 'out_of_memory'],
    [12, 'model_unavailable'],
    [13, 'model_unavailable'],
    [127, 'model_error'],
    [137, 'platform_error'],
    [139, 'model_error'],
    [143, 'platform_error'],
  ])('exit %s is %s', (exitCode, code) => {
    expect(failureOfExit({ exitCode, oomKilled: false })).toBe(code);
    expect(failureOfExit({ exitCode, oomKilled: true })).toBe('out_of_memory');
  });
});
