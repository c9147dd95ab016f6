/**
 * The API on one machine as it is deployed, but with less patience for slow clients, so that a test sees them given up. A program of the
 * tests; no build makes it.
 */
import { createLog } from '@bpi/job-contract';
import { composeLocal } from '../compose-local.ts';
import { parseConfig } from '../config.ts';
import { startApi } from '../start-api.ts';
import { stopSignal } from '../stop-signal.ts';

const IMPATIENT = { uploadStallMs: 5_000, uploadStallBytes: 64 * 1024, headersTimeoutMs: 3_000 };

const log = createLog((line) => process.stdout.write(`${line}\n`), Date.now);
const checkThread = new URL('./input-check/check-thread.js', import.meta.url);
const swaggerUi = new URL('./swagger-ui/', import.meta.url);
const { options, listen, close } = await composeLocal(parseConfig(process.env), { checkThread, swaggerUi, log });
const api = await startApi({ ...options, settings: { ...options.settings, ...IMPATIENT } }, listen);
await stopSignal();
await api.close();
close();
