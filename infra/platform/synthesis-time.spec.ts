import { expect, it } from '@jest/globals';
import { runMain } from '../testing/environment.ts';

const SYNTHESIS_MS_MAX = 3_000;

it.each(['dev', 'prod'] as const)(
  'the synthesis of %s takes less than 3 s with plain Node, without Terraform, network or account',
  (environment) => {
    const runs = [1, 2, 3].map(() => runMain(environment));
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(Math.min(...runs.map(({ durationMs }) => durationMs))).toBeLessThan(SYNTHESIS_MS_MAX);
  },
);
