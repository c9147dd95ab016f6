import type { IncomingHttpHeaders } from 'node:http';
import type { EcsError } from '../ecs-error.ts';
import type { Answer } from '../world.ts';

export type HttpAnswer = { status: number; contentType: string; body: string };

/** One of the two ways in which the SDK's clients write what they ask. */
export type Protocol = {
  /** The operation's name and its input; null if the request is not of this protocol. */
  read(headers: IncomingHttpHeaders, body: string): { operation: string; input: unknown } | null;
  write(operation: string, answer: Answer): HttpAnswer;
  writeError(error: EcsError): HttpAnswer;
};
