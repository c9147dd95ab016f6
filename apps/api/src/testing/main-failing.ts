/**
 * The API on one machine, which kills itself at the point that FAILPOINT names (see `withFailpoints`): by SIGKILL, because a
 * crash gives a process no chance to tidy up. A program of the tests; no build makes it.
 */
import { createLog } from '@bpi/job-contract';
import { withFailpoints } from '@bpi/jobs/testing';
import { composeLocal } from '../compose-local.ts';
import { parseConfig } from '../config.ts';
import { startApi } from '../start-api.ts';

const failpoint = process.env['FAILPOINT'];
const log = createLog((line) => process.stdout.write(`${line}\n`), Date.now);
const checkThread = new URL('./input-check/check-thread.js', import.meta.url);
const swaggerUi = new URL('./swagger-ui/', import.meta.url);
const { options, listen } = await composeLocal(parseConfig(process.env), { checkThread, swaggerUi, log });
const ports = withFailpoints(options.ports, 'api', async (point) => {
  if (point !== failpoint) return;
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => {}); // the signal is on its way
});
await startApi({ ...options, ports }, listen);
