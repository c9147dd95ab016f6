import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';

/** A server on loopback that answers as the listener likes: what no emulator does, down to a cut connection. */
export async function startWireServer(answer: RequestListener): Promise<{ endpoint: string; close(): Promise<void> }> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port: it listens on a pipe');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
