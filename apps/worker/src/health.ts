import { createServer, type Server } from 'node:http';

/** Longer than a dependency that is well; who asks waits no longer than this. */
const READINESS_TIMEOUT_MS = 5_000;

/** `/health/live`: the process answers. `/health/ready`: what it depends on answers too. Loopback only. */
export function startHealth(port: number, ready: () => Promise<void>): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, word: string) =>
      response.writeHead(status, { 'content-type': 'text/plain' }).end(`${word}\n`);
    if (request.url === '/health/live') answer(200, 'live');
    else if (request.url === '/health/ready')
      withinTime(ready()).then(
        () => answer(200, 'ready'),
        () => answer(503, 'not ready'),
      );
    else answer(404, 'not found');
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function withinTime(asking: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('a dependency did not answer in time')), READINESS_TIMEOUT_MS);
  });
  try {
    await Promise.race([asking, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}
