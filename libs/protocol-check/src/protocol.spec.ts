import { describe, expect, it } from '@jest/globals';
import { describeExploration } from './describe-exploration.ts';
import { explore } from './explore.ts';
import { REAL } from './real-protocol.ts';
import { CI_RUNS } from './runs.ts';
import { VARIANTS } from './variants.ts';

const RUN_TIMEOUT_MS = 300_000;

/** Past Jest's console, so that the numbers are one line each in the log of a test run. */
function print(line: string): void {
  process.stdout.write(`protocol-check: ${line}\n`);
}

describe('the protocol, explored whole within its bounds', () => {
  it.each(CI_RUNS.map((bounds) => [bounds.name, bounds] as const))(
    'keeps every invariant: %s',
    async (_, bounds) => {
      const found = await explore(bounds, REAL);
      print(describeExploration(found));
      expect(found.violation).toBeNull();
    },
    RUN_TIMEOUT_MS,
  );
});

describe('the protocol with one rule broken', () => {
  it.each(VARIANTS.map((variant) => [variant.name, variant] as const))(
    'is caught: %s',
    async (name, { bounds, breaks, protocol }) => {
      const found = await explore(bounds, protocol);
      print(`variant ${name}: ${found.violation?.invariant ?? 'nothing found'} after ${found.states} states`);
      expect(found.violation?.invariant).toBe(breaks);
    },
    RUN_TIMEOUT_MS,
  );
});
