import { LIMITS, type ModelManifest } from '@bpi/job-contract';
import type { ServerTimes } from './http/api-server.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const MiB = 1024 * 1024;

/** Everything a deployment may set about the API. One value, checked by `parseConfig`, never read from elsewhere. */
export type ApiSettings = ServerTimes & {
  uploadBytesMax: number;
  /** Uploads of one client at the same time, their checks included. */
  uploadsPerClientMax: number;
  /** An upload that brings less than `uploadStallBytes` in this time is given up. */
  uploadStallMs: number;
  uploadStallBytes: number;
  /** Room on the scratch disk that uploads must leave free. */
  scratchReserveBytes: number;
  checkThreads: number;
  checkQueueMax: number;
  checkTimeoutMs: number;
  /** For requests that name no model; null = they must. */
  defaultModel: string | null;
  /** Where jobs begin, by their model's need of a GPU. */
  pools: Readonly<Record<ModelManifest['resources']['gpu'], string>>;
  startDeadlineMs: number;
  totalDeadlineMs: number;
  resultLinkTtlMs: number;
  /** Requests without a key are the client `local` as long as no key was ever made; only on a loopback address. */
  keyless: 'allowed' | 'refused';
  shutdownMs: number;
};

export const DEFAULT_SETTINGS: ApiSettings = {
  uploadBytesMax: LIMITS.uploadBytesMax,
  uploadsPerClientMax: 4,
  uploadStallMs: 30 * second,
  uploadStallBytes: 1 * MiB,
  scratchReserveBytes: 256 * MiB,
  checkThreads: 1,
  checkQueueMax: 32,
  checkTimeoutMs: 5 * minute,
  defaultModel: null,
  pools: { none: 'cpu', optional: 'cpu', required: 'gpu' },
  startDeadlineMs: 24 * hour,
  totalDeadlineMs: 48 * hour,
  resultLinkTtlMs: 5 * minute,
  keyless: 'refused',
  shutdownMs: 30 * second,
  requestTimeoutMs: 30 * minute,
  headersTimeoutMs: 20 * second,
  connectionsCheckingIntervalMs: 1 * second,
  keepAliveTimeoutMs: 75 * second,
};
