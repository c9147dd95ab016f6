import { addAbortSignal, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { z } from 'zod';
import { DockerEngineError } from './engine-connection.ts';

const exitSchema = z.object({ StatusCode: z.number().int() });

type ModemRequest = {
  path: string;
  method: string;
  isStream: boolean;
  abortSignal: AbortSignal;
  /** What each status means; true = success. */
  statusCodes: Record<number, string | true>;
};

/** What is used of the client's own transport. */
type Modem = {
  dial(request: ModemRequest, answered: (error: Error | null, answer: unknown) => void): void;
};

/**
 * Resolves with the exit code as soon as the container does not run. As a stream, because the engine sends its headers
 * at once and its answer at the end: the client's own `wait` never settles when the engine goes away in between
 * (docker-modem 5 listens to neither `error` nor `close` of an answer).
 * Raises what the engine answers, and any other error when the connection was lost.
 */
export async function waitForExit(docker: Docker, id: string, signal: AbortSignal): Promise<number> {
  const answer = await dialWait(docker, id, signal);
  addAbortSignal(signal, answer);
  return exitSchema.parse(JSON.parse(await text(answer))).StatusCode;
}

function dialWait(docker: Docker, id: string, signal: AbortSignal): Promise<Readable> {
  const modem = docker.modem as Modem; // the client's types leave it open
  const request: ModemRequest = {
    path: `/containers/${id}/wait`,
    method: 'POST',
    isStream: true,
    abortSignal: signal,
    statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
  };
  return new Promise((resolve, reject) => {
    modem.dial(request, (error, answer) => {
      if (error !== null) reject(error);
      else if (answer instanceof Readable) resolve(answer);
      else reject(new DockerEngineError('The Docker client gave no stream. Use the version in package.json.'));
    });
  });
}
