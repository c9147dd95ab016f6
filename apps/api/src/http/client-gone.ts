import type { ServerResponse } from 'node:http';

/** Aborts when this answer is over: it was sent, or its client went away. */
export function clientGone(res: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (res.destroyed) controller.abort();
  else res.once('close', () => controller.abort());
  return controller.signal;
}
