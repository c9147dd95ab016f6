import { describe, expect, it } from '@jest/globals';
import { FAILURE_CODES, FAILURE_MESSAGES, FAILURES, failureOfExit, type FailureCode } from './outcomes.ts';

describe('the outcome table', () => {
  it.each<[FailureCode, string, string, boolean]>([
    ['invalid_input', 'user', 'fail', false],
    ['model_error', 'model', 'fail', false],
    ['out_of_memory', 'model', 'retry-smaller', false],
    ['invalid_output', 'model', 'fail', false],
    ['attempt_timeout', 'model', 'fail', false],
    ['capacity_interrupted', 'capacity', 'retry', true],
    ['capacity_unavailable', 'capacity', 'retry', true],
    ['model_unavailable', 'platform', 'fail', false],
    ['platform_error', 'platform', 'retry', true],
    ['cancelled', 'user', 'fail', false],
    ['deadline_exceeded', 'capacity', 'fail', true],
  ])('%s is the fault of the %s: %s', (code, fault, then, retryable) => {
    expect(FAILURES[code]).toEqual({ fault, then, retryable });
    expect(/Submit (it|the job) again/.test(FAILURE_MESSAGES[code])).toBe(retryable);
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
