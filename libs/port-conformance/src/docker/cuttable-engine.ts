import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';

/** A socket before the engine's that can be cut off and mended: an engine that goes away, as a worker sees it. */
export class CuttableEngine {
  readonly #path: string;
  readonly #engine: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #fatal: RegExp | null = null;

  constructor(paths: { socket: string; engine: string }) {
    this.#path = paths.socket;
    this.#engine = paths.engine;
  }

  get isThere(): boolean {
    return this.#server !== null;
  }

  /** Goes away once the engine has done what a matching request line asks for, before the answer is through. */
  cutAtAnswerTo(request: RegExp): void {
    this.#fatal = request;
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
      client.on('data', (chunk: Buffer) => {
        if (this.#fatal?.test(chunk.toString('latin1')) !== true) return;
        this.#fatal = null;
        engine.unpipe(client);
        engine.once('data', () => void this.cut()).resume();
      });
      client.pipe(engine).pipe(client);
    }).listen(this.#path);
    await once(this.#server, 'listening');
  }

  async cut(): Promise<void> {
    const server = this.#server;
    if (server === null || !server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await rm(this.#path, { force: true });
    this.#server = null;
  }
}
