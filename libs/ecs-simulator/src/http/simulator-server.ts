import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { EcsError } from '../ecs-error.ts';
import { isTaskMetadataPath, type createTaskMetadataHandler } from '../metadata/task-metadata.ts';
import type { World } from '../world.ts';
import type { Operation } from '../operations/operation.ts';
import { jsonProtocol } from './json-protocol.ts';
import type { HttpAnswer, Protocol } from './protocol.ts';
import { queryProtocol } from './query-protocol.ts';
import { bodyOf } from './request-body.ts';

export type Operations = { readonly [name: string]: Operation };
type MetadataHandler = ReturnType<typeof createTaskMetadataHandler>;

const LOOPBACK = '127.0.0.1';

/** ECS and Auto Scaling for the SDK, and the metadata endpoint for containers, on one port of the loopback address. */
export class SimulatorServer {
  readonly #server: Server;
  #serve: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | null = null;

  constructor() {
    this.#server = createServer((request, response) => {
      if (this.#serve === null) response.writeHead(503).end();
      else this.#serve(request, response).catch(() => response.destroy());
    });
  }

  /** The address, known before there is anything to serve: containers are told of it. */
  async listen(port: number): Promise<string> {
    this.#server.listen(port, LOOPBACK);
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port: ask for another one');
    return `http://${LOOPBACK}:${address.port}`;
  }

  serve(world: World, apis: { ecs: Operations; autoScaling: Operations }, metadata: MetadataHandler): void {
    this.#serve = async (request, response) => {
      if (isTaskMetadataPath(request.url ?? '')) return metadata(request, response);
      const body = await bodyOf(request);
      if (body === null) return void response.writeHead(413).end();
      const answer = answerTo(world, apis, { request, body });
      if (answer === null) return void request.socket.destroy();
      const head = { 'content-type': answer.contentType, 'x-amzn-requestid': randomUUID() };
      response.writeHead(answer.status, head).end(answer.body);
    };
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Null if the caller is to get no answer. */
function answerTo(
  world: World,
  { ecs, autoScaling }: { ecs: Operations; autoScaling: Operations },
  { request, body }: { request: IncomingMessage; body: string },
): HttpAnswer | null {
  const apis: readonly [Protocol, Operations][] = [
    [jsonProtocol, ecs],
    [queryProtocol, autoScaling],
  ];
  for (const [protocol, operations] of apis) {
    try {
      const call = protocol.read(request.headers, body);
      if (call !== null) return perform(world, { protocol, operations, call });
    } catch (error) {
      return protocol.writeError(asEcsError(error));
    }
  }
  return jsonProtocol.writeError(new EcsError('UnknownOperationException', 'Neither ECS nor Auto Scaling has it.'));
}

type Call = { protocol: Protocol; operations: Operations; call: { operation: string; input: unknown } };

function perform(world: World, { protocol, operations, call }: Call): HttpAnswer | null {
  const act = Object.hasOwn(operations, call.operation) ? operations[call.operation] : undefined;
  if (act === undefined)
    throw new EcsError('UnknownOperationException', 'This operation is not simulated: see the README.');
  const fate = world.faults?.forCall(call.operation) ?? 'served';
  if (fate === 'throttled') throw new EcsError('ThrottlingException', 'Rate exceeded');
  if (fate === 'server_error') throw new EcsError('ServerException', 'Service Unavailable. Please try again later.');
  try {
    const answer = act(world, call.input);
    return fate === 'answer_lost' ? null : protocol.write(call.operation, answer);
  } catch (error) {
    if (fate === 'answer_lost') return null;
    throw error;
  }
}

function asEcsError(error: unknown): EcsError {
  if (error instanceof EcsError) return error;
  return new EcsError(
    'ServerException',
    `The simulator has a bug: ${error instanceof Error ? error.stack : 'unknown'}`,
  );
}
