import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { errorFields, type Log } from '@bpi/job-contract';
import type { Catalogue, Clock } from '@bpi/jobs';
import { AppModule } from './app.module.ts';
import { AuditTrail } from './audit-trail.ts';
import { AuthGuard } from './auth.guard.ts';
import { Authenticator } from './authenticator.ts';
import { readPages } from './docs/pages.ts';
import type { ReadinessCheck } from './health.controller.ts';
import { ApiServerAdapter } from './http/api-server.ts';
import { ProblemFilter } from './http/problem.filter.ts';
import { observeRequests } from './http/request-context.ts';
import { Intake } from './infer/intake.ts';
import { CheckPool } from './input-check/check-pool.ts';
import { RateGuard } from './limits/rate.guard.ts';
import { RateLimits } from './limits/rate-limits.ts';
import { TokenBuckets } from './limits/token-buckets.ts';
import type { ApiMetrics } from './metrics/api-metrics.ts';
import { startMetricsServer } from './metrics/metrics-server.ts';
import type { GaugeSources } from './metrics/platform-gauges.ts';
import type { ApiPorts } from './ports.ts';
import type { ApiSettings } from './settings.ts';
import { DiskRoom, type Disk, type FreeBytesOf } from './upload/disk-room.ts';
import { Scratch, SCRATCH_COPIES } from './upload/scratch.ts';
import { makeWaiting } from './waiting/waiting.ts';

export type ApiOptions = {
  ports: ApiPorts;
  catalogue: Catalogue;
  settings: ApiSettings;
  clock: Clock;
  log: Log;
  /** Where uploads lie until they are stored; made if absent. No other process may use it. */
  scratchDir: string;
  /** Where accepted inputs are stored, if that is a disk of this machine. */
  dataDir?: string;
  /** How much is free on the disk of a folder; the system's own answer unless said otherwise. */
  freeBytesOf?: FreeBytesOf;
  /** Program of the check threads. */
  checkThread: URL;
  /** Folder with the files of Swagger UI, see `readPages`. */
  swaggerUi: URL;
  /** Besides the store and the scratch disk, which are always asked. */
  readiness: readonly ReadinessCheck[];
  /** Offers what was counted by the taps of `log`, and the figures of these pools; absent = no metrics. */
  metrics?: { book: ApiMetrics; pools: readonly string[]; at: { host: string; port: number } };
};

export type RunningApi = {
  port: number;
  /** Null without metrics. */
  metricsPort: number | null;
  /** Takes no new connection, answers what is held, ends event streams, lets other requests under way finish for at most `shutdownMs`, stops every thread. */
  close(): Promise<void>;
};

const SCRATCH_SWEEP_MS = 10 * 60 * 1000;
const IDLE_CHECK_MS = 50;

/** Puts the API together and listens. Both compositions and the tests start it here. */
export async function startApi(options: ApiOptions, listen: { host: string; port: number }): Promise<RunningApi> {
  const { ports, catalogue, settings, clock, log } = options;
  const pages = await readPages(options.swaggerUi);
  const room = new DiskRoom(disksOf(options), options.freeBytesOf);
  const scratch = await Scratch.open(options.scratchDir, room);
  const checks = new CheckPool({
    entry: options.checkThread,
    threads: settings.checkThreads,
    queueMax: settings.checkQueueMax,
    timeoutMs: settings.checkTimeoutMs,
  });
  const trail = new AuditTrail(ports, clock);
  const intake = new Intake({ ports, catalogue, settings, scratch, checks, clock, log, trail });
  const waiting = makeWaiting({ store: ports.store, settings, clock, log });
  const readiness = [...options.readiness, ...ownReadiness(ports, room)];
  const app = await NestFactory.create(
    AppModule.of({ ports, catalogue, settings, clock, log, intake, trail, waiting, readiness, pages }),
    new ApiServerAdapter(settings),
    { logger: false, bodyParser: false, abortOnError: false },
  );
  app.use(observeRequests(log, clock));
  const refusals = new TokenBuckets(settings.refusals, settings.rateBucketsMax, clock);
  app.useGlobalGuards(
    new AuthGuard(new Authenticator(ports.clients, settings.keyless), trail, refusals),
    new RateGuard(new RateLimits(settings.rates, settings.rateBucketsMax, clock)),
  );
  app.useGlobalFilters(new ProblemFilter(log));
  const stopSweeping = await startSweeping(scratch, clock, log);
  await app.listen(listen.port, listen.host);
  const server: Server = app.getHttpServer();
  const metricsServer = await startMetrics(options, { disks: room, uploads: intake, waiting });
  return {
    port: portOf(server),
    metricsPort: metricsServer === null ? null : portOf(metricsServer),
    close: async () => {
      stopSweeping();
      waiting.watch.close();
      metricsServer?.close();
      metricsServer?.closeAllConnections();
      await finishRequests(server, settings.shutdownMs);
      await app.close();
      await checks.close();
    },
  };
}

async function startMetrics(
  { metrics, ports, clock }: ApiOptions,
  sources: Pick<GaugeSources, 'disks' | 'uploads' | 'waiting'>,
): Promise<Server | null> {
  if (metrics === undefined) return null;
  metrics.book.watch({ ...sources, store: ports.store, pools: metrics.pools, clock });
  return startMetricsServer(metrics.at, metrics.book);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the API listens on a TCP port only');
  return address.port;
}

function disksOf({ scratchDir, dataDir, settings }: ApiOptions): Disk[] {
  const { scratchReserveBytes, dataReserveBytes } = settings;
  const scratch: Disk = { name: 'scratch', dir: scratchDir, reserveBytes: scratchReserveBytes, copies: SCRATCH_COPIES };
  if (dataDir === undefined) return [scratch];
  return [scratch, { name: 'data', dir: dataDir, reserveBytes: dataReserveBytes, copies: 1 }];
}

function ownReadiness(ports: ApiPorts, room: DiskRoom): ReadinessCheck[] {
  return [
    async () => {
      await ports.clients.findKey('absent'); // in the table or file of the store
    },
    async () => {
      if ([...(await room.freeBytes()).values()].some((bytes) => bytes < 0)) throw new Error('a disk is full');
    },
  ];
}

/** Sweeps the scratch folder now and every ten minutes; answers the function that stops it. */
async function startSweeping(scratch: Scratch, clock: Clock, log: Log): Promise<() => void> {
  const sweep = async (): Promise<void> => {
    try {
      const count = await scratch.sweep(clock.nowMs());
      if (count > 0) log('cleanup.removed', { kind: 'scratch', count });
    } catch (error) {
      log('loop.failed', { loop: 'scratch', ...errorFields(error) });
    }
  };
  await sweep();
  const timer = setInterval(() => void sweep(), SCRATCH_SWEEP_MS);
  timer.unref();
  return () => clearInterval(timer);
}

async function finishRequests(server: Server, shutdownMs: number): Promise<void> {
  // A connection that is kept alive becomes idle only after its request; Node closes those idle at the call alone.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  const late = setTimeout(() => server.closeAllConnections(), shutdownMs);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(idle);
  clearTimeout(late);
}
