/** A worker of its own for tests that kill it: `shell-worker.ts FOLDER PLATFORM SPEC`. Launches, says so, stays. */
import type { TaskSpec } from '@bpi/jobs';
import { makeRunner } from './docker-harness.ts';

const [folder, platform, spec] = process.argv.slice(2);
if (folder === undefined || platform === undefined || spec === undefined) throw new Error('usage: see above');
const runner = makeRunner(folder, platform);
await runner.launch(JSON.parse(spec) as TaskSpec); // written by the test
process.stdout.write('launched\n');
setInterval(() => undefined, 1_000);
