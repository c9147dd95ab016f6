import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { readTaskState, type TaskMetadataError } from './task-metadata.ts';

const NEVER = new AbortController().signal;

describe('what the task metadata endpoint says', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function ask(listener: RequestListener, { signal = NEVER, timeoutMs = 5_000 } = {}) {
    const server = createServer(listener).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // an IP socket has one
    const uri = `http://127.0.0.1:${port}/v4/token`;
    return readTaskState({ uri, containers: { stageIn: 'stage-in', model: 'model' }, fetch, timeoutMs }, signal);
  }
  const saying =
    (body: string, status = 200): RequestListener =>
    (request, response) => {
      if (request.url === '/v4/token/task') response.writeHead(status).end(body);
      else response.writeHead(404).end();
    };
  const task = (containers: object[], more: object = {}) => saying(JSON.stringify({ Containers: containers, ...more }));

  it('is put into our words', async () => {
    const containers = [
      {
        Name: 'stage-in',
        KnownStatus: 'STOPPED',
        ExitCode: 0,
        StartedAt: '2026-11-21T10:00:00.000000001Z',
        Type: 'NORMAL',
      },
      { Name: 'model', KnownStatus: 'RUNNING', StartedAt: '2026-11-21T10:00:02Z' },
      { Name: 'stage-out', KnownStatus: 'RUNNING' },
    ];
    expect(await ask(task(containers, { DesiredStatus: 'RUNNING', KnownStatus: 'RUNNING' }))).toEqual({
      stopping: false,
      stageIn: { state: 'stopped', exitCode: 0, startedAtMs: Date.UTC(2026, 10, 21, 10), endedAtMs: null },
      model: { state: 'running' },
    });
  });

  it.each([
    [[], { state: 'waiting' }],
    [[{ Name: 'other', KnownStatus: 'RUNNING' }], { state: 'waiting' }],
    [[{ Name: 'model', KnownStatus: 'NONE' }], { state: 'waiting' }],
    [[{ Name: 'model', KnownStatus: 'PULLED' }], { state: 'waiting' }],
    [[{ Name: 'model', KnownStatus: 'CREATED' }], { state: 'waiting' }],
    [[{ Name: 'model', KnownStatus: 'RESOURCES_PROVISIONED' }], { state: 'running' }],
    [
      [{ Name: 'model', KnownStatus: 'STOPPED', ExitCode: 137, FinishedAt: '2026-11-21T10:00:00+01:00' }],
      { state: 'stopped', exitCode: 137, startedAtMs: null, endedAtMs: Date.UTC(2026, 10, 21, 9) },
    ],
    [
      [{ Name: 'model', KnownStatus: 'STOPPED', StartedAt: 'yesterday' }],
      { state: 'stopped', exitCode: null, startedAtMs: null, endedAtMs: null },
    ],
  ])('containers %j make the model %j', async (containers, expected) => {
    expect((await ask(task(containers))).model).toEqual(expected);
  });

  it('knows of a task that no container was created of, and of one that is to stop', async () => {
    expect(await ask(saying('{"DesiredStatus":"STOPPED"}'))).toEqual({
      stopping: true,
      stageIn: { state: 'waiting' },
      model: { state: 'waiting' },
    });
  });

  it.each<[string, RequestListener, TaskMetadataError['code']]>([
    ['an error', saying('"internal"', 500), 'status'],
    ['too many questions', saying('"slow down"', 429), 'status'],
    ['no JSON', saying('<html>'), 'not_understood'],
    ['another JSON', saying('{"Containers":{}}'), 'not_understood'],
    ['a container without a name', task([{ KnownStatus: 'RUNNING' }]), 'not_understood'],
    ['far too much', saying(' '.repeat(1_000_000)), 'too_long'],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end(), 'unreachable'],
    [
      'half an answer',
      (_, response) => response.writeHead(200, { 'content-length': '9' }).write('{', () => response.destroy()),
      'unreachable',
    ],
  ])('%s is no answer', async (_, listener, code) => {
    await expect(ask(listener)).rejects.toMatchObject({ name: 'TaskMetadataError', code });
  });

  it('is not waited for longer than it may take, from the first byte to the last', async () => {
    await expect(ask(() => {}, { timeoutMs: 30 })).rejects.toMatchObject({ code: 'unreachable' });
    await expect(ask((_, response) => response.write('{'), { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'unreachable',
    });
  });

  it('is not waited for after a signal', async () => {
    const stop = new AbortController();
    const asking = ask(() => stop.abort(new Error('stopped')), { signal: stop.signal });
    await expect(asking).rejects.toThrow('stopped');
  });

  it('that cannot be reached is an error to try again', async () => {
    const options = {
      uri: 'http://127.0.0.1:1/v4/token',
      containers: { stageIn: 'a', model: 'b' },
      fetch,
      timeoutMs: 5_000,
    };
    await expect(readTaskState(options, NEVER)).rejects.toThrow('ask again');
  });
});
