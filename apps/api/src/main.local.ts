import { createLog, errorFields } from '@bpi/job-contract';
import { composeLocal } from './compose-local.ts';
import { parseConfig } from './config.ts';
import { startApi } from './start-api.ts';
import { stopSignal } from './stop-signal.ts';

/* The API on one machine. */

const log = createLog((line) => process.stdout.write(`${line}\n`), Date.now);

async function main(): Promise<void> {
  // The bundles lie to each other as the sources do.
  const checkThread = new URL('./input-check/check-thread.js', import.meta.url);
  const swaggerUi = new URL('./swagger-ui/', import.meta.url);
  const { options, listen, close } = await composeLocal(parseConfig(process.env), { checkThread, swaggerUi, log });
  const api = await startApi(options, listen);
  log('service.started', { service: 'api', port: api.port, pid: process.pid });
  const signal = await stopSignal();
  log('service.stopping', { service: 'api', signal: signal.toLowerCase() });
  await api.close();
  close();
  log('service.stopped', { service: 'api' });
}

main().catch((error: unknown) => {
  log('service.failed', { service: 'api', ...errorFields(error) });
  // Nothing of a client's can be in what stops a start: its mend may be said in words.
  if (error instanceof Error) process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
