import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeContainer, describeTask } from './metadata-answers.ts';
import { RequestRate, type RateLimit } from './request-rate.ts';
import type { TokenSnapshot } from './task-snapshot.ts';

const PATH_PREFIX = '/v4/';
const PATH_PATTERN = /^\/v4\/(?<token>[^/]+)(?<part>\/task)?$/;

export type TaskMetadataSettings = {
  /**
   * Null for an unknown token. May be late: a container runs, and may ask, before the engine's `start` has answered, so
   * whoever looks up waits for a start that is under way.
   */
  lookUp(token: string): TokenSnapshot | null | Promise<TokenSnapshot | null>;
  /** Per container and path; null = none. */
  rateLimit: RateLimit | null;
  nowMs?: () => number;
};

type Answer = { status: number; body: unknown };

/** Value of ECS_CONTAINER_METADATA_URI_V4 for the container with this token. */
export function metadataUriOf({ port, token }: { port: number; token: string }): string {
  return `http://127.0.0.1:${port}${PATH_PREFIX}${token}`;
}

/** Whether a request is for the handler below. */
export function isTaskMetadataPath(url: string): boolean {
  return url.startsWith(PATH_PREFIX);
}

/**
 * Answers `GET /v4/<token>` and `GET /v4/<token>/task` as ECS's agent does: JSON, and a JSON string for an error
 * (404 unknown, 429 too many requests). Statistics, tags, task protection and credentials are not simulated: 404.
 */
export function createTaskMetadataHandler(
  settings: TaskMetadataSettings,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { lookUp, rateLimit, nowMs = () => performance.now() } = settings;
  const rate = rateLimit === null ? null : new RequestRate(rateLimit, nowMs);
  return async (request, response) => {
    const { status, body } = await answerTo(request, { lookUp, rate }).catch((): Answer => ({
      status: 500,
      body: 'failed to get metadata: see the simulator’s own log',
    }));
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

type Means = { lookUp: TaskMetadataSettings['lookUp']; rate: RequestRate | null };

async function answerTo({ method, url }: IncomingMessage, { lookUp, rate }: Means): Promise<Answer> {
  const [path] = (url ?? '').split('?');
  const found = PATH_PATTERN.exec(path ?? '')?.groups;
  if (found?.['token'] === undefined)
    return { status: 404, body: 'Not found: ask for /v4/<token> or /v4/<token>/task' };
  if (method !== 'GET') return { status: 405, body: 'The task metadata endpoint is only read: use GET' };
  const snapshot = await lookUp(found['token']);
  const kind = found['part'] === undefined ? 'container' : 'task';
  if (snapshot === null) return unknown(kind);
  if (rate !== null && !rate.admits(path ?? '')) return { status: 429, body: 'Too many requests: ask less often' };
  if (kind === 'task') return { status: 200, body: describeTask(snapshot.task) };
  const asker = snapshot.task.containers.find(({ name }) => name === snapshot.containerName);
  const described = asker === undefined ? null : describeContainer(snapshot.task, asker);
  return described === null ? unknown(kind) : { status: 200, body: described };
}

function unknown(kind: 'container' | 'task'): Answer {
  return {
    status: 404,
    body: `V4 ${kind} metadata handler: no container has this token; use ECS_CONTAINER_METADATA_URI_V4 as it was set`,
  };
}
