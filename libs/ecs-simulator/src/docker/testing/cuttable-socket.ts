import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** A socket before the engine's that can be cut off and mended: an engine that goes away, as its client sees it. */
export class CuttableSocket {
  readonly #path: string;
  readonly #engine: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  constructor({ path, engine }: { path: string; engine: string }) {
    this.#path = path;
    this.#engine = engine;
  }

  /** How many connections are open now. */
  get connections(): number {
    return this.#sockets.size / 2;
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
