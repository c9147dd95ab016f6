import { Agent, request } from 'node:http';

/** Header lines as they go out and come in: a name may be there twice, which `fetch` neither sends nor shows. */
export type HeaderLines = readonly (readonly [string, string])[];

export type Question = { method?: string; path: string; headers?: HeaderLines; body?: string | Buffer };
export type Answer = { status: number; headers: HeaderLines; body: string };

const agent = new Agent({ keepAlive: true, maxSockets: 8 });

/**
 * One request exactly as written, whatever its method and header lines; resolves with the whole answer. A stream of
 * events, which may go on for long, is left at its head.
 */
export function ask(port: number, { method = 'GET', path, headers = [], body }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const byName = Map.groupBy(headers, ([name]) => name.toLowerCase());
    const lines = Object.fromEntries([...byName].map(([name, values]) => [name, values.map(([, value]) => value)]));
    const outgoing = request({ agent, host: '127.0.0.1', port, method, path, headers: lines }, (response) => {
      const chunks: Buffer[] = [];
      const end = (): void =>
        resolve({
          status: response.statusCode ?? 0,
          headers: pairsOf(response.rawHeaders),
          body: Buffer.concat(chunks).toString('utf8'),
        });
      if (response.headers['content-type'] === 'text/event-stream') {
        end();
        outgoing.destroy();
        return;
      }
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', end);
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

export function headerOf({ headers }: Answer, wanted: string): string | null {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? null;
}

/**
 * Everything that was answered, in order, but for what names this one request: two answers with the same text tell
 * nothing apart. What is left of a rate goes down with every request, its policy does not.
 */
export function told({ status, headers, body }: Answer): string {
  const requestId = headers.find(([name]) => name === 'X-Request-Id')?.[1] ?? 'none';
  const lines = headers
    .filter(([name]) => !['Date', 'RateLimit'].includes(name))
    .map(([name, value]) => `${name}: ${value}`);
  return [status, ...lines, '', body].join('\n').replaceAll(requestId, '(request id)');
}

/** `409 not_ready` of a problem, `200` of anything else. */
export function outcomeOf(answer: Answer): string {
  const isProblem = headerOf(answer, 'content-type') === 'application/problem+json';
  return isProblem ? `${answer.status} ${JSON.parse(answer.body).code}` : String(answer.status);
}

function pairsOf(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index] ?? '', flat[2 * index + 1] ?? '']);
}
