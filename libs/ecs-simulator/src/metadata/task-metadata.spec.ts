import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AGENT_RATE_LIMIT } from './request-rate.ts';
import {
  createTaskMetadataHandler,
  isTaskMetadataPath,
  metadataUriOf,
  type TaskMetadataSettings,
} from './task-metadata.ts';
import type { ContainerSnapshot, TaskSnapshot } from './task-snapshot.ts';

const CLUSTER = 'arn:aws:ecs:eu-central-1:000000000000:cluster/main';
const TASK = 'arn:aws:ecs:eu-central-1:000000000000:task/main/0123456789abcdef0123456789abcdef';

function aContainer(changes: Partial<ContainerSnapshot> = {}): ContainerSnapshot {
  return {
    name: 'model',
    image: 'models/shell:1',
    imageDigest: 'sha256:aa',
    runtimeId: 'c0ffee00c0ffee00c0ffee00c0ffee00',
    lastStatus: 'RUNNING',
    exitCode: null,
    createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    startedAtMs: Date.UTC(2026, 0, 2, 3, 4, 6),
    finishedAtMs: null,
    ...changes,
  };
}

const waits = {
  runtimeId: null,
  imageDigest: null,
  lastStatus: 'PENDING',
  createdAtMs: null,
  startedAtMs: null,
} as const;

function aTask(containers: ContainerSnapshot[], changes: Partial<TaskSnapshot> = {}): TaskSnapshot {
  return {
    clusterArn: CLUSTER,
    taskArn: TASK,
    family: 'segment',
    revision: 7,
    desiredStatus: 'RUNNING',
    availabilityZone: 'eu-central-1a',
    launchType: 'EC2',
    containers,
    ...changes,
  };
}

let server: Server | null = null;
afterEach(() => void server?.close());

type Answer = { status: number; type: string | null; body: unknown };

/** Serves one task under the token `t`, given to its container `model`. */
async function serve(
  task: TaskSnapshot,
  settings: Partial<TaskMetadataSettings> = {},
): Promise<(path: string, method?: string) => Promise<Answer>> {
  const handle = createTaskMetadataHandler({
    lookUp: (token) => (token === 't' ? { task, containerName: 'model' } : null),
    rateLimit: null,
    ...settings,
  });
  server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('listens on a port');
  const base = metadataUriOf({ port: address.port, token: 't' }).slice(0, -'/v4/t'.length);
  return async (path, method = 'GET') => {
    const response = await fetch(`${base}${path}`, { method });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.json() };
  };
}

const LABELS = {
  'com.amazonaws.ecs.cluster': CLUSTER,
  'com.amazonaws.ecs.container-name': 'model',
  'com.amazonaws.ecs.task-arn': TASK,
  'com.amazonaws.ecs.task-definition-family': 'segment',
  'com.amazonaws.ecs.task-definition-version': '7',
};

const MODEL = {
  DockerId: 'c0ffee00c0ffee00c0ffee00c0ffee00',
  Name: 'model',
  DockerName: 'ecs-segment-7-model-c0ffee00c0ffee00c0ff',
  Image: 'models/shell:1',
  ImageID: 'sha256:aa',
  Labels: LABELS,
  DesiredStatus: 'RUNNING',
  KnownStatus: 'RUNNING',
  CreatedAt: '2026-01-02T03:04:05.006Z',
  StartedAt: '2026-01-02T03:04:06.000Z',
  Type: 'NORMAL',
};

describe('the task metadata endpoint', () => {
  it('describes the container that asks', async () => {
    const get = await serve(aTask([aContainer({ name: 'other' }), aContainer()]));
    expect(await get('/v4/t')).toEqual({ status: 200, type: 'application/json', body: MODEL });
  });

  it('describes the task, with those containers only that were created', async () => {
    const ended = aContainer({ lastStatus: 'STOPPED', exitCode: 3, finishedAtMs: Date.UTC(2026, 0, 2, 3, 5) });
    const get = await serve(
      aTask([
        ended,
        aContainer({ name: 'finalize', ...waits }),
        aContainer({ name: 'extra', ...waits, lastStatus: 'STOPPED' }), // its image could not be pulled
      ]),
    );
    expect(await get('/v4/t/task')).toEqual({
      status: 200,
      type: 'application/json',
      body: {
        Cluster: CLUSTER,
        TaskARN: TASK,
        Family: 'segment',
        Revision: '7',
        DesiredStatus: 'RUNNING',
        KnownStatus: 'NONE',
        AvailabilityZone: 'eu-central-1a',
        LaunchType: 'EC2',
        Containers: [{ ...MODEL, KnownStatus: 'STOPPED', ExitCode: 3, FinishedAt: '2026-01-02T03:05:00.000Z' }],
      },
    });
  });

  it.each<[string, Partial<ContainerSnapshot>[], string]>([
    ['a container waits for another', [{}, waits], 'NONE'],
    ['one is created and does not run', [{}, { lastStatus: 'PENDING' }], 'CREATED'],
    ['one ended and one runs', [{ lastStatus: 'STOPPED' }, {}], 'RUNNING'],
    ['all ended, created or not', [{ lastStatus: 'STOPPED' }, { ...waits, lastStatus: 'STOPPED' }], 'STOPPED'],
  ])('says of a task of which %s: %s', async (_when, containers, status) => {
    const get = await serve(aTask(containers.map((changes) => aContainer(changes))));
    expect((await get('/v4/t/task')).body).toMatchObject({ KnownStatus: status });
  });

  it('says of a task that is asked to stop that its containers should be', async () => {
    const get = await serve(aTask([aContainer()], { desiredStatus: 'STOPPED' }));
    expect((await get('/v4/t/task')).body).toMatchObject({
      DesiredStatus: 'STOPPED',
      Containers: [{ DesiredStatus: 'STOPPED', KnownStatus: 'RUNNING' }],
    });
  });

  it('leaves out what there is none of', async () => {
    const get = await serve(aTask([aContainer(waits)]));
    expect((await get('/v4/t/task')).body).not.toHaveProperty('Containers');
    expect((await get('/v4/t')).status).toBe(404);
  });

  it.each(['/v4/u', '/v4/u/task', '/v4/t/stats', '/v4/t/task/stats', '/v4/t/', '/v4/', '/v3/t', '/'])(
    'does not know %s, and does not repeat it',
    async (path) => {
      const get = await serve(aTask([aContainer()]));
      const { status, body } = await get(path);
      expect(status).toBe(404);
      expect(String(body)).not.toContain('/v4/u');
    },
  );

  it('waits for whoever looks up, and survives his failure', async () => {
    const task = aTask([aContainer()]);
    const lookUp = (token: string) =>
      token === 't' ? Promise.resolve({ task, containerName: 'model' }) : Promise.reject(new Error('secret'));
    const get = await serve(task, { lookUp });
    expect((await get('/v4/t?x=1')).body).toEqual(MODEL);
    expect(await get('/v4/u')).toMatchObject({ status: 500, body: expect.not.stringContaining('secret') });
  });

  it('is only read', async () => {
    const get = await serve(aTask([aContainer()]));
    expect((await get('/v4/t', 'POST')).status).toBe(405);
  });

  it('answers 429 above the agent’s rate, per path', async () => {
    let nowMs = 0;
    const get = await serve(aTask([aContainer()]), { rateLimit: AGENT_RATE_LIMIT, nowMs: () => nowMs });
    const statuses = async (path: string, count: number) => {
      const seen = [];
      for (let n = 0; n < count; n += 1) seen.push((await get(path)).status);
      return { ok: seen.filter((status) => status === 200).length, last: seen.at(-1) };
    };
    expect(await statuses('/v4/t/task', 61)).toEqual({ ok: 60, last: 429 });
    expect(await statuses('/v4/t', 60)).toEqual({ ok: 60, last: 200 });
    nowMs = 500;
    expect(await statuses('/v4/t/task', 21)).toEqual({ ok: 20, last: 429 });
    nowMs = 60_000;
    expect(await statuses('/v4/t/task', 61)).toEqual({ ok: 60, last: 429 });
  });

  it('is told by its path', () => {
    expect(isTaskMetadataPath('/v4/t')).toBe(true);
    expect(isTaskMetadataPath('/')).toBe(false);
  });
});
