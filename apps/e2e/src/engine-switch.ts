import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** A socket in front of the engine's own: off, the engine is gone for whoever uses it, and what runs goes on. */
export class EngineSwitch {
  readonly path: string;
  readonly #engine: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  constructor(paths: { path: string; engine: string }) {
    this.path = paths.path;
    this.#engine = paths.engine;
  }

  async on(): Promise<void> {
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
    }).listen(this.path);
    await once(this.#server, 'listening');
  }

  async off(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await rm(this.path, { force: true });
  }
}
