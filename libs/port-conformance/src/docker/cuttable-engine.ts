import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';

/** A socket before the engine's that can be cut off and mended: an engine that goes away, as a worker sees it. */
export class CuttableEngine {
  readonly #path: string;
  readonly #engine: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  constructor(paths: { socket: string; engine: string }) {
    this.#path = paths.socket;
    this.#engine = paths.engine;
  }

  async mend(): Promise<void> {
    this.#server = createServer((client) => {
      const engine = createConnection(this.#engine);
      for (const socket of [client, engine]) {
        this.#sockets.add(socket);
        socket.on('error', () => socket.destroy());
        socket.on('close', () => {
          client.destroy();
          engine.destroy();
          this.#sockets.delete(socket);
        });
      }
      client.pipe(engine).pipe(client);
    }).listen(this.#path);
    await once(this.#server, 'listening');
  }

  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await rm(this.#path, { force: true });
  }
}
