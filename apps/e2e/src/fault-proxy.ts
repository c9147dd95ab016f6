/** A network and services that now and then do what AWS says they do: between API and workers and what they call. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { answerWith, AwsProxy, operationOf, type ProxiedCall } from './aws-proxy.ts';

/**
 * `answer_lost`: the service does it, and the connection is cut. `not_sent`: the connection is cut before that.
 * `delayed`: done, and answered late. `delivered_again`: a message that was deleted comes a second time.
 */
export const FAULT_KINDS = [
  'throttled',
  'server_error',
  'not_sent',
  'answer_lost',
  'delayed',
  'delivered_again',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

type Refusal = { status: number; contentType: string; body: string };
type Protocol = {
  /** The words of the service's own documentation. */
  throttled: Refusal;
  serverError: Refusal;
};

const DELAY_MS_MAX = 200;

export class FaultProxy {
  readonly counts: Record<FaultKind, number> = {
    throttled: 0,
    server_error: 0,
    not_sent: 0,
    answer_lost: 0,
    delayed: 0,
    delivered_again: 0,
  };
  readonly #random: () => number;
  readonly #proxy = new AwsProxy((call) => this.#handle(call));
  #share = 0;
  #calls = 0;

  /** Does nothing but pass on until `misbehave`. The seed decides the order of faults, not which call meets which. */
  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  get calls(): number {
    return this.#calls;
  }

  /** From now on this share of all calls goes wrong, from 0 to 1. */
  misbehave(share: number): void {
    this.#share = share;
  }

  /** For `AwsPlatformOptions.through`. */
  readonly through = this.#proxy.through;

  close(): Promise<void> {
    return this.#proxy.close();
  }

  async #handle({ asked, answer, pass }: ProxiedCall): Promise<void> {
    this.#calls += 1;
    const operation = operationOf(asked);
    const refusals = protocolOf(operation);
    switch (this.#draw(operation)) {
      case 'throttled':
        return refuse(asked, answer, refusals.throttled);
      case 'server_error':
        return refuse(asked, answer, refusals.serverError);
      case 'delivered_again':
        return refuse(asked, answer, { status: 200, contentType: JSON_1_0, body: '{}' });
      case 'not_sent':
        asked.socket.destroy();
        return;
      case 'answer_lost':
        for await (const _ of await pass()); // until the service has done it
        asked.socket.destroy();
        return;
      case 'delayed':
        await delay(this.#random() * DELAY_MS_MAX);
        return answerWith(answer, await pass());
      case null:
        return answerWith(answer, await pass());
    }
  }

  #draw(operation: string): FaultKind | null {
    if (this.#random() >= this.#share) return null;
    const kinds = FAULT_KINDS.filter((kind) => kind !== 'delivered_again' || operation === 'sqs:DeleteMessage');
    const kind = kinds[Math.floor(this.#random() * kinds.length)] ?? null;
    if (kind !== null) this.counts[kind] += 1;
    return kind;
  }
}

function refuse(asked: IncomingMessage, answer: ServerResponse, { status, contentType, body }: Refusal): void {
  asked.resume();
  asked.once('end', () => {
    answer.writeHead(status, { 'content-type': contentType, 'x-amzn-requestid': 'a-fault' }).end(body);
  });
}

const JSON_1_0 = 'application/x-amz-json-1.0';

function json(status: number, type: string): Refusal {
  const body = JSON.stringify({ __type: type, message: 'injected by a test' });
  return { status, contentType: JSON_1_0, body };
}

function xml(status: number, code: string, wrap: (error: string) => string): Refusal {
  const error = `<Error><Code>${code}</Code><Message>injected by a test</Message></Error>`;
  return { status, contentType: 'application/xml', body: `<?xml version="1.0" encoding="UTF-8"?>${wrap(error)}` };
}

/** By the services that `operationOf` names. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  dynamodb: {
    throttled: json(400, 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException'),
    serverError: json(500, 'com.amazonaws.dynamodb.v20120810#InternalServerError'),
  },
  sqs: {
    throttled: json(400, 'com.amazonaws.sqs#RequestThrottled'),
    serverError: json(500, 'com.amazon.coral.service#InternalFailure'),
  },
  ecs: {
    throttled: json(400, 'ThrottlingException'),
    serverError: json(500, 'ServerException'),
  },
  s3: {
    throttled: xml(503, 'SlowDown', (error) => error),
    serverError: xml(500, 'InternalError', (error) => error),
  },
  autoscaling: {
    throttled: xml(400, 'Throttling', (error) => `<ErrorResponse>${error}</ErrorResponse>`),
    serverError: xml(500, 'InternalFailure', (error) => `<ErrorResponse>${error}</ErrorResponse>`),
  },
};

function protocolOf(operation: string): Protocol {
  const protocol = PROTOCOLS[operation.split(':')[0] ?? ''];
  if (protocol === undefined) throw new Error(`a call of an unknown service (${operation}): give it its words`);
  return protocol;
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
