import { LIMITS, type ModelManifest } from '@bpi/job-contract';
import type { ServerTimes } from './http/api-server.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const KiB = 1024;
const MiB = 1024 * KiB;

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
  /** Longest `?wait` that is held; a longer one is shortened, and the answer says so. */
  waitSecondsMax: number;
  /** Requests held at the same time; one too many is answered at once. */
  waitsPerClientMax: number;
  waitsMax: number;
  /** How often the one watcher of this process looks for changes, while anybody waits. */
  watchTickMs: number;
  /** Streams of `GET /jobs/{job_id}/events`. */
  events: 'offered' | 'not_offered';
  streamsPerClientMax: number;
  streamsMax: number;
  streamLifeMs: number;
  streamHeartbeatMs: number;
  streamBufferBytesMax: number;
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
  waitSecondsMax: LIMITS.statusWaitSecondsMax,
  waitsPerClientMax: 200,
  waitsMax: 1_000,
  watchTickMs: 100,
  events: 'offered',
  streamsPerClientMax: 50,
  streamsMax: 250,
  streamLifeMs: 15 * minute,
  streamHeartbeatMs: 15 * second,
  streamBufferBytesMax: 128 * KiB,
  keyless: 'refused',
  shutdownMs: 30 * second,
  requestTimeoutMs: 30 * minute,
  headersTimeoutMs: 20 * second,
  connectionsCheckingIntervalMs: 1 * second,
  keepAliveTimeoutMs: 75 * second,
};

/** API Gateway answers for us after 30 s and passes an answer on only when it is whole; and a read of DynamoDB is paid for. */
export const AWS_WAITING = {
  waitSecondsMax: 25,
  watchTickMs: 2 * second,
  events: 'not_offered',
} as const satisfies Partial<ApiSettings>;
