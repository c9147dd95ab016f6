import { parseArgs } from 'node:util';
import { runSeeds } from './run-seeds.ts';

const USAGE = 'usage: node libs/simulation/src/main.ts [--seed N [--trace]] [--from N --seeds COUNT]';

const { values } = parseArgs({
  options: {
    /** One run. */
    seed: { type: 'string' },
    /** Many runs, from this seed on. */
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
    trace: { type: 'boolean', default: false },
  },
});
const seeds = {
  from: Number(values.seed ?? values.from),
  count: values.seed === undefined ? Number(values.seeds) : 1,
  keepTrace: values.trace,
};
if (Number.isInteger(seeds.from) && Number.isInteger(seeds.count)) {
  const wrong = await runSeeds(seeds, (line) => process.stdout.write(`${line}\n`));
  process.exitCode = wrong === 0 ? 0 : 1;
} else {
  process.stderr.write(`${USAGE}\n`);
  process.exitCode = 2;
}
