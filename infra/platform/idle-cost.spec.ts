import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { synthesizedEnvironment } from '../testing/environment.ts';
import { costTable, idleCosts } from '../testing/idle-cost.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/deployment.md'), 'utf8');

describe('a month without jobs', () => {
  it.each(['dev', 'prod'] as const)('of %s costs what docs/deployment.md says', (environment) => {
    expect(PAGE).toContain(costTable(idleCosts(synthesizedEnvironment(environment))));
  });

  it('of dev is mostly its nine interface endpoints', () => {
    const [endpoints] = idleCosts(synthesizedEnvironment('dev'));
    expect(endpoints).toMatchObject({ what: 'interface endpoints', arithmetic: '9 in 1 zone(s) × 0.01 × 730 h' });
    expect(endpoints?.usd).toBeCloseTo(65.7, 6);
  });
});
