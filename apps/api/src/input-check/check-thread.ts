import { parentPort } from 'node:worker_threads';
import { errorFields } from '@bpi/job-contract';
import { rebuildInput, VolumeError } from '@bpi/volumes';
import type { CheckReply, CheckRequest } from './check-message.ts';

/*
 * Entry of a check thread: reading a hostile archive is the most dangerous and the most costly thing the API does,
 * so it happens where it can be stopped and where it blocks nobody. One request at a time.
 */
if (parentPort === null) throw new Error('check-thread is the entry of a worker thread: start it with new Worker()');
const port = parentPort;

port.on('message', (request: CheckRequest) => {
  void check(request).then((reply) => port.postMessage(reply)); // check never rejects
});

async function check(request: CheckRequest): Promise<CheckReply> {
  try {
    return { kind: 'rebuilt', summary: await rebuildInput(request) };
  } catch (error) {
    if (error instanceof VolumeError) return { kind: 'refused', code: error.code };
    return { kind: 'failed', ...errorFields(error) };
  }
}
