import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { A_SERVICE } from '../../testing/service-parts.ts';
import { serviceContainer } from './service-container.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A service that answers its liveness so, on a free port. */
async function serviceAnswering(status: number): Promise<number> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/health/live' ? status : 404).end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP port was expected');
  return address.port;
}

/** Runs the health check as the agent would, but for the file system; answers its exit code. */
async function exitOfHealthCheck(port: number): Promise<number | null> {
  const { healthCheck } = serviceContainer({ ...A_SERVICE, port, mount: null, region: 'us-east-1' });
  const [kind, program, ...args] = healthCheck.command;
  expect([kind, program]).toEqual(['CMD', 'node']);
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { timeout: healthCheck.timeout * 1_000 });
    child.once('exit', resolve);
  });
}

describe('the health check of a container', () => {
  it('is content with a service that lives', async () => {
    expect(await exitOfHealthCheck(await serviceAnswering(200))).toBe(0);
  });

  it.each([503, 404])('is not with one that answers %i', async (status) => {
    expect(await exitOfHealthCheck(await serviceAnswering(status))).toBe(1);
  });

  it('is not with one that is gone', async () => {
    const port = await serviceAnswering(200);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect(await exitOfHealthCheck(port)).toBe(1);
  });
});
