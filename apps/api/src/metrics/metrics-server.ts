import { createServer, type Server } from 'node:http';
import type { ApiMetrics } from './api-metrics.ts';

const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

/** `GET /metrics` on a listener of its own: no client of the API reaches it, and no key of theirs opens it. */
export function startMetricsServer(at: { host: string; port: number }, metrics: ApiMetrics): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': status === 200 ? TEXT_FORMAT : 'text/plain' }).end(text);
    if (request.url !== '/metrics' || request.method !== 'GET') answer(404, 'not found\n');
    else
      metrics.render().then(
        (text) => answer(200, text),
        () => answer(503, 'not available\n'),
      );
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => resolve(server));
  });
}
