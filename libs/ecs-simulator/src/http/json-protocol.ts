import { clientError, type EcsError } from '../ecs-error.ts';
import { inSeconds, toJson } from '../wire.ts';
import type { Protocol } from './protocol.ts';

const TARGET = /^AmazonEC2ContainerServiceV20141113\.(?<operation>[A-Za-z]+)$/;
const CONTENT_TYPE = 'application/x-amz-json-1.1';

/** AWS JSON 1.1, as ECS speaks it. */
export const jsonProtocol: Protocol = {
  read: (headers, body) => {
    const target = headers['x-amz-target'];
    const operation = typeof target === 'string' ? TARGET.exec(target)?.groups?.['operation'] : undefined;
    return operation === undefined ? null : { operation, input: parsed(body) };
  },
  write: (_operation, answer) => ({ status: 200, contentType: CONTENT_TYPE, body: toJson(answer, inSeconds) }),
  writeError: (error: EcsError) => ({
    status: error.httpStatus,
    contentType: CONTENT_TYPE,
    body: JSON.stringify({
      __type: error.code,
      message: error.message,
      ...(error.resourceIds === null ? {} : { resourceIds: error.resourceIds }),
    }),
  }),
};

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw clientError('The body is not JSON: send what the operation asks for.');
  }
}
