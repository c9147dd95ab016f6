/** What happens to one try of a call. `lost_answer`: the service does it, and nobody hears of it. */
export type Fault =
  'throttled' | 'server_error' | 'not_sent' | 'lost_answer' | { refused: string; status: number } | null;

/** Asked before every try, the SDK's own included. @param operation such as `PutObject`. */
export type FaultPlan = (operation: string) => Fault | Promise<Fault>;

type Next = (args: never) => Promise<unknown>;
type Middleware = (next: Next, context: { commandName?: string }) => Next;
type FaultyClient = {
  middlewareStack: { add(middleware: Middleware, options: { step: 'finalizeRequest'; priority: 'low' }): void };
};

/** Puts a plan of faults between an SDK client and the network, below the SDK's own retries. */
export function addFaults(client: object, plan: FaultPlan): void {
  const middleware: Middleware = (next, context) => async (args) => {
    const fault = await plan((context.commandName ?? '').replace(/Command$/, ''));
    if (fault === 'lost_answer') await next(args);
    if (fault !== null) throw errorOf(fault);
    return next(args);
  };
  // The stack's own type is bound to one client's commands; this middleware looks at none of them.
  (client as FaultyClient).middlewareStack.add(middleware, { step: 'finalizeRequest', priority: 'low' });
}

/** The given faults, in order, for each operation; nothing happens to later tries and other operations. */
export function scriptOf(script: Readonly<Record<string, readonly Fault[]>>): FaultPlan {
  const left = new Map(Object.entries(script).map(([operation, faults]) => [operation, [...faults]]));
  return (operation) => left.get(operation)?.shift() ?? null;
}

/** Faults by chance. @param share of the tries, from 0 to 1. */
export function randomFaults(seed: number, share: number): FaultPlan {
  const random = seededRandom(seed);
  const kinds = ['throttled', 'server_error', 'not_sent', 'lost_answer'] as const;
  return () => (random() < share ? (kinds[Math.floor(random() * kinds.length)] ?? null) : null);
}

/** Every try of every operation that the client sends, in order. */
export function recordOperations(client: object): string[] {
  const sent: string[] = [];
  addFaults(client, (operation) => {
    sent.push(operation);
    return null;
  });
  return sent;
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function errorOf(fault: Exclude<Fault, null>): Error {
  switch (fault) {
    case 'throttled':
      return answer('SlowDown', 503);
    case 'server_error':
      return answer('InternalError', 500);
    case 'not_sent':
      return Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' });
    case 'lost_answer':
      return Object.assign(new Error('nothing came back'), { name: 'TimeoutError' });
    default:
      return answer(fault.refused, fault.status);
  }
}

function answer(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error('injected by a test'), { name, $metadata: { httpStatusCode, requestId: 'injected' } });
}
