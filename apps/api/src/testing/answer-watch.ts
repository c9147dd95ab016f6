import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { undocumentedIn } from './documented-answer.ts';

/** What Node publishes for every request that any server of the process is about to handle. */
const CHANNEL = 'http.server.request.start';
type Started = { request: IncomingMessage & { route?: { path?: unknown } }; response: ServerResponse };

/**
 * Holds every answer that the server on this port sends against the OpenAPI document. Answers that were broken off, and
 * those on a bare connection to what is no HTTP, are none.
 *
 * @returns the function that stops watching. It throws if something undocumented was sent.
 */
export function watchAnswers(port: number): () => void {
  const faults = new Set<string>();
  const onStart = (message: unknown): void => {
    const { request, response } = message as Started; // Node's own documentation of the channel
    if (request.socket.localPort !== port) return;
    const body = noteBody(response);
    response.once('finish', () => {
      const method = request.method ?? '';
      const path = openApiPath(request.route?.path);
      const headers = new Map(Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]));
      const answer = { method, path, status: response.statusCode, headers, body: body() };
      for (const fault of undocumentedIn(answer)) {
        faults.add(`${method} ${path ?? '(no route)'} ${response.statusCode}: ${fault}`);
      }
    });
  };
  subscribe(CHANNEL, onStart);
  return () => {
    unsubscribe(CHANNEL, onStart);
    if (faults.size > 0) throw new Error(`The API answered what its document does not say:\n${[...faults].join('\n')}`);
  };
}

function openApiPath(route: unknown): string | null {
  return typeof route === 'string' ? route.replaceAll(/:(\w+)/g, '{$1}') : null;
}

/** Keeps a copy of the JSON that is sent; other bodies are whatever they are. */
function noteBody(response: ServerResponse): () => string {
  const chunks: Buffer[] = [];
  const note = (chunk: unknown): void => {
    const isJson = String(response.getHeader('content-type') ?? '').includes('json');
    if (isJson && (typeof chunk === 'string' || chunk instanceof Uint8Array)) chunks.push(Buffer.from(chunk));
  };
  for (const name of ['write', 'end'] as const) {
    const send = response[name].bind(response) as (...args: unknown[]) => unknown;
    Object.assign(response, {
      [name]: (...args: unknown[]) => {
        note(args[0]);
        return send(...args);
      },
    });
  }
  return () => Buffer.concat(chunks).toString('utf8');
}
