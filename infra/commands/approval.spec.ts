import { describe, expect, it } from '@jest/globals';
import { approvalOf } from './approval.ts';

describe('the approval', () => {
  it.each([
    [true, {}, 'given'],
    [true, { CI: 'true' }, 'given'],
    [false, { CI: 'true' }, 'given'],
    [false, {}, 'to be asked for'],
    [false, { CI: '' }, 'to be asked for'],
    [false, { CI: 'false' }, 'to be asked for'],
    [false, { CI: '1' }, 'to be asked for'],
  ] as const)('with the flag %j and %j is %s', (flag, env, approval) => {
    expect(approvalOf(flag, { env })).toBe(approval);
  });
});
