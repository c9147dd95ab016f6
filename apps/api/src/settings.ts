import { DEFAULT_RETENTION, LIMITS, type ModelManifest, type Retention } from '@bpi/job-contract';
import type { ServerTimes } from './http/api-server.ts';
import type { RatePolicies } from './limits/rate-limits.ts';
import type { RatePolicy } from './limits/token-buckets.ts';
import type { UploadGateLimits } from './upload/upload-gate.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const KiB = 1024;
const MiB = 1024 * KiB;

type Bounds = ServerTimes & UploadGateLimits;

/** Everything a deployment may set about the API. One value, checked by `parseConfig`, never read from elsewhere. */
export type ApiSettings = Bounds & {
  uploadBytesMax: number;
  /** What one client may have waiting; uploads under way count. */
  queuedJobsPerClientMax: number;
  /** Per key, in each process. */
  rates: RatePolicies;
  /** Requests without a valid key, per address, that are told why; see AuthGuard. */
  refusals: RatePolicy;
  /** Keys or addresses that are remembered, for each operation. */
  rateBucketsMax: number;
  /** An upload that brings less than `uploadStallBytes` in this time is given up. */
  uploadStallMs: number;
  uploadStallBytes: number;
  /** Room that uploads must leave free on the scratch disk, and on the disk of accepted inputs if it is this machine's. */
  scratchReserveBytes: number;
  dataReserveBytes: number;
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
  /** What every new job is promised; also holds for jobs of releases that promised nothing. */
  retention: Retention;
  /** Requests without a key are the client `local` as long as no key was ever made; only on a loopback address. */
  keyless: 'allowed' | 'refused';
  shutdownMs: number;
};

export const DEFAULT_SETTINGS: ApiSettings = {
  uploadBytesMax: LIMITS.uploadBytesMax,
  uploadsPerClientMax: 4,
  uploadsMax: 64,
  bytesInFlightPerClientMax: 4 * LIMITS.uploadBytesMax,
  bytesInFlightMax: 16 * LIMITS.uploadBytesMax,
  queuedJobsPerClientMax: 1_000,
  // No less than its peers allow: RunPod 1,000 submissions and 2,000 reads of a status in 10 s, Replicate 3,000 others a minute.
  rates: {
    submit: { quota: 1_000, windowS: 10 },
    status: { quota: 20_000, windowS: 10 },
    results: { quota: 5_000, windowS: 10 },
    other: { quota: 5_000, windowS: 10 },
  },
  refusals: { quota: 300, windowS: 60 },
  rateBucketsMax: 10_000,
  uploadStallMs: 30 * second,
  uploadStallBytes: 1 * MiB,
  scratchReserveBytes: 256 * MiB,
  dataReserveBytes: 256 * MiB,
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
  retention: DEFAULT_RETENTION,
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
