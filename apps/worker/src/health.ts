import { createServer, type Server } from 'node:http';

/** Longer than a dependency that is well; who asks waits no longer than this. */
const READINESS_TIMEOUT_MS = 5_000;

/** Prometheus's text format. */
const METRICS_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

export type Health = {
  /** False once only a new process helps. */
  isLive: () => boolean;
  /** Asks what the worker depends on; rejects if something does not answer. */
  ready: () => Promise<void>;
  /** The text of `/metrics`. */
  metrics: () => Promise<string>;
};

/**
 * `/health/live`: no loop hangs. `/health/ready`: what the worker depends on answers too. `/metrics`, for Prometheus.
 * Loopback only: clients have no business here.
 */
export function startHealth(port: number, health: Health, readinessTimeoutMs = READINESS_TIMEOUT_MS): Promise<Server> {
  let asking: Promise<void> | null = null;
  /** One question at a time, and none for ever: those that get no answer must not pile up. */
  const ready = () => (asking ??= withinTime(health.ready(), readinessTimeoutMs).finally(() => (asking = null)));
  const server = createServer((request, response) => {
    const answer = (status: number, word: string) =>
      response.writeHead(status, { 'content-type': 'text/plain' }).end(`${word}\n`);
    const answerMetrics = (text: string) => response.writeHead(200, { 'content-type': METRICS_FORMAT }).end(text);
    if (request.url === '/health/live') {
      if (health.isLive()) answer(200, 'live');
      else answer(503, 'a loop hangs');
    } else if (request.url === '/health/ready')
      ready().then(
        () => answer(200, 'ready'),
        () => answer(503, 'not ready'),
      );
    else if (request.url === '/metrics') health.metrics().then(answerMetrics, () => answer(503, 'not available'));
    else answer(404, 'not found');
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function withinTime(asking: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('a dependency did not answer in time')), timeoutMs);
  });
  try {
    await Promise.race([asking, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}
