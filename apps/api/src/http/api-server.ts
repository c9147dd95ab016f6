import { createServer, STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ExpressAdapter } from '@nestjs/platform-express';
import { PROBLEM_TYPE } from '@bpi/job-contract';
import { ProblemError, problemBody } from './problem-error.ts';

export type ServerTimes = {
  /** The whole request, body included. */
  requestTimeoutMs: number;
  headersTimeoutMs: number;
  /** How often Node looks for requests that are over either time; fixed when the server is made. */
  connectionsCheckingIntervalMs: number;
  /** Longer than a load balancer's own, so that it never meets a connection that we just closed. */
  keepAliveTimeoutMs: number;
};

/** Makes the server itself, because Node takes some limits only at that moment and the stock adapter passes none. */
export class ApiServerAdapter extends ExpressAdapter {
  readonly #times: ServerTimes;

  constructor(times: ServerTimes) {
    super();
    this.#times = times;
    this.disable('x-powered-by');
    this.set('etag', false);
  }

  override initHttpServer(): void {
    const app = this.getInstance();
    const server = createServer(
      {
        requestTimeout: this.#times.requestTimeoutMs,
        headersTimeout: this.#times.headersTimeoutMs,
        connectionsCheckingInterval: this.#times.connectionsCheckingIntervalMs,
        keepAliveTimeout: this.#times.keepAliveTimeoutMs,
      },
      app,
    );
    // Without this listener Node says "100 Continue" before anybody looked at the key or the length.
    server.on('checkContinue', app);
    server.on('clientError', answerClientError);
    this.httpServer = server;
  }
}

/** Requests that never reach a handler. Answers on the bare connection, then closes it. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex & { _httpMessage?: unknown }): void {
  // A response under way (Node's own field) must not get a second head in its middle.
  if (!socket.writable || hasStarted(socket._httpMessage)) {
    socket.destroy();
    return;
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const body = JSON.stringify(problemBody(new ProblemError('upload_too_slow'), 'none'));
    const head = `Content-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    socket.end(`${statusLine(408)}${head}Connection: close\r\n\r\n${body}`);
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  socket.end(`${statusLine(status)}Content-Length: 0\r\nConnection: close\r\n\r\n`);
}

function hasStarted(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'headersSent' in message && message.headersSent === true;
}

function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
}

/** True if the client waits for "100 Continue" before it sends the body. */
export function awaitsContinue(req: IncomingMessage): boolean {
  return req.headers.expect?.toLowerCase() === '100-continue';
}
