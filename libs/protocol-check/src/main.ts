import { parseArgs } from 'node:util';
import { explore } from './explore.ts';
import { REAL } from './real-protocol.ts';
import { CI_RUNS, LARGE_RUNS } from './runs.ts';
import { describeExploration } from './describe-exploration.ts';
import { VARIANTS } from './variants.ts';

const { values } = parseArgs({ options: { large: { type: 'boolean', default: false } } });
let wrong = 0;
for (const bounds of values.large ? [...CI_RUNS, ...LARGE_RUNS] : CI_RUNS) {
  const found = await explore(bounds, REAL);
  process.stdout.write(`${describeExploration(found)}\n`);
  if (found.violation !== null) wrong += 1;
}
for (const { bounds, breaks, name, protocol } of VARIANTS) {
  const found = await explore(bounds, protocol);
  const caught = found.violation?.invariant === breaks;
  process.stdout.write(
    `variant ${name}: ${caught ? `caught by ${breaks}` : 'NOT CAUGHT'} after ${found.states} states\n`,
  );
  if (!caught) wrong += 1;
}
process.exitCode = wrong === 0 ? 0 : 1;
