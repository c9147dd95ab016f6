import { DynamoDBClient, TransactionCanceledException, TransactionConflictException } from '@aws-sdk/client-dynamodb';
import { clientSettings } from '../../testing/emulator.ts';

/** What happens to one try of a request. */
export const FAULTS = {
  /** Applied, and the answer is lost. */
  lost: 'time-out after the request was applied',
  /** Not applied, and no answer. */
  unsent: 'time-out before the request was applied',
  throttled: 'refused: too many requests',
  broken: 'answered with 500',
  conflict: 'refused: a transaction holds an item',
} as const;
export type Fault = keyof typeof FAULTS;

/** One try of a command, its name without the ending and its input as sent. `next` sends it. */
export type Try = { command: string; input: unknown; next(): Promise<object> };
export type Script = (one: Try) => Promise<object>;

export type ScriptedClient = {
  client: DynamoDBClient;
  /** Every command that was tried, in order. */
  tried: string[];
  /** Decides what happens to every try from now on. */
  follow(script: Script): void;
};

const REQUEST_TIMEOUT_MS = 5_000;

/**
 * A client whose requests go through a script, below the SDK's own retries.
 * @param triesMax of the SDK for one call; 1 leaves every fault to the adapter.
 */
export function makeScriptedClient(endpoint: string | undefined, triesMax = 1): ScriptedClient {
  const client = new DynamoDBClient({
    ...clientSettings(endpoint),
    maxAttempts: triesMax,
    requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
  });
  let script: Script = ({ next }) => next();
  const tried: string[] = [];
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const command = String(context['commandName']).replace(/Command$/, '');
      tried.push(command);
      let response: unknown;
      const output = await script({
        command,
        input: inputOf(args.request),
        next: async () => {
          const answer = await next(args);
          response = answer.response;
          return answer.output ?? {};
        },
      });
      return { response, output: { $metadata: {}, ...output } };
    },
    { step: 'deserialize', priority: 'high', name: 'script' },
  );
  return {
    client,
    tried,
    follow: (next) => {
      script = next;
    },
  };
}

function inputOf(request: unknown): unknown {
  const body: unknown = Reflect.get(Object(request), 'body');
  if (typeof body === 'string') return JSON.parse(body);
  if (ArrayBuffer.isView(body))
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  throw new Error('a request of DynamoDB has a JSON body');
}

/** Applies the faults in order to tries of the named command, then lets everything pass. */
export function faultsOn(command: string, faults: readonly Fault[]): Script {
  const left = [...faults];
  return async (one) => {
    const fault = one.command === command ? left.shift() : undefined;
    return fault === undefined ? one.next() : applyFault(fault, one);
  };
}

export async function applyFault(fault: Fault, one: Try): Promise<never> {
  if (fault === 'lost') await one.next();
  throw errorOf(fault, one.command);
}

function errorOf(fault: Fault, command: string): Error {
  const message = FAULTS[fault];
  switch (fault) {
    case 'lost':
    case 'unsent':
      return named('TimeoutError', message, {});
    case 'throttled':
      return named('ThrottlingException', message, { httpStatusCode: 400 });
    case 'broken':
      return named('InternalServerError', message, { httpStatusCode: 500 });
    case 'conflict': {
      const $metadata = { httpStatusCode: 400 };
      if (command !== 'TransactWriteItems') return new TransactionConflictException({ message, $metadata });
      const CancellationReasons = [{ Code: 'None' }, { Code: 'TransactionConflict' }];
      return new TransactionCanceledException({ message, $metadata, CancellationReasons });
    }
  }
}

function named(name: string, message: string, $metadata: { httpStatusCode?: number }): Error {
  return Object.assign(new Error(message), { name, $metadata });
}
