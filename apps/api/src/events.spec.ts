import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { lifeEventSchema, progressEventSchema, type JobId } from '@bpi/job-contract';
import { AWS_WAITING, type ApiSettings } from './settings.ts';
import { applyEvents, makeKey, problemOf, startTestApi, submit, until, type TestApi } from './testing/api-harness.ts';
import { EventReader } from './testing/event-reader.ts';

let api: TestApi;
const readers: EventReader[] = [];
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.leave();
  await api.close();
});

async function start(settings: Partial<ApiSettings> = {}, dataDir?: string): Promise<void> {
  api = await startTestApi({
    settings: { watchTickMs: 10, ...settings },
    ...(dataDir === undefined ? {} : { dataDir }),
  });
}

async function open(jobId: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const reader = await EventReader.open(`${api.url}/jobs/${jobId}/events`, headers);
  readers.push(reader);
  return reader;
}

/** What ended long ago would be past its retention. */
const NOW_MS = Date.now();
const CLAIMED = { type: 'claimed', pool: 'cpu', definition: null, atMs: NOW_MS + 1_000 } as const;
const STARTED = { type: 'started', task: 't', atMs: NOW_MS + 2_000 } as const;
const RETRIED = {
  type: 'retried',
  code: 'platform_error',
  notBeforeMs: 0,
  shrink: 'no',
  atMs: NOW_MS + 3_000,
} as const;
const CANCEL = { type: 'cancelRequested', atMs: NOW_MS + 4_000 } as const;
const FAILED = { type: 'failed', code: 'cancelled', atMs: NOW_MS + 5_000 } as const;
const LIFE = [CLAIMED, STARTED, RETRIED, CLAIMED, CANCEL, FAILED] as const;
const LIFE_IDS = ['0', '11', '12', '13', '21', '21c', '23c', 'end'];

describe('GET /jobs/:job_id/events', () => {
  it('tells a life as it happens, each event once, and ends with the job', async () => {
    await start();
    const jobId = await submit(api);
    const reader = await open(jobId);
    expect(reader.response.status).toBe(200);
    expect(Object.fromEntries(reader.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    for (const [n, event] of LIFE.entries()) {
      await until(() => reader.ids.length === n + 1);
      await applyEvents(api, jobId, [event]);
    }
    await until(() => reader.isEnded);
    expect(reader.text.startsWith('retry: 2000\n\n')).toBe(true);
    expect(reader.ids).toEqual(LIFE_IDS);
    const told = reader.frames.filter(({ id }) => id !== null);
    for (const { event, data } of told) {
      expect(lifeEventSchema.parse(data)).toMatchObject({ job_id: jobId, type: event });
    }
    expect(told.map(({ event }) => event)).toEqual([
      ...['created', 'claimed', 'started', 'attempt_ended', 'claimed', 'cancel_requested', 'attempt_ended', 'failed'],
    ]);
    expect(told[3]?.data).toEqual({
      job_id: jobId,
      type: 'attempt_ended',
      at: new Date(RETRIED.atMs).toISOString(),
      attempt: 1,
      code: 'platform_error',
      fault: 'platform',
    });
    expect(told.at(-1)?.data).toMatchObject({ code: 'cancelled', fault: 'user', status: 'failed', phase: 'failed' });
  });

  it('goes on behind Last-Event-ID, and answers 204 when nothing can follow', async () => {
    await start();
    const jobId = await submit(api);
    await applyEvents(api, jobId, LIFE);
    const whole = await open(jobId);
    await until(() => whole.isEnded);
    expect(whole.ids).toHaveLength(LIFE_IDS.length);
    for (const [n, id] of whole.ids.slice(0, -1).entries()) {
      const rest = await open(jobId, { 'Last-Event-ID': id });
      await until(() => rest.isEnded);
      expect(rest.frames).toEqual(whole.frames.slice(n + 1));
    }
    const response = await fetch(`${api.url}/jobs/${jobId}/events`, { headers: { 'Last-Event-ID': 'end' } });
    expect([response.status, await response.text()]).toEqual([204, '']);
  });

  it('is resumed by another process where the first one was ended', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'api-spec-'));
    try {
      await start({}, dataDir);
      const jobId = await submit(api);
      await applyEvents(api, jobId, [CLAIMED, CANCEL]);
      const before = await open(jobId);
      await until(() => before.ids.length === 3);
      await api.close(); // it ends the stream
      await until(() => before.isEnded);
      await start({}, dataDir);
      const after = await open(jobId, { 'Last-Event-ID': before.ids.at(-1) ?? '' });
      await applyEvents(api, jobId, [STARTED, FAILED]);
      await until(() => after.isEnded);
      expect([...before.ids, ...after.ids]).toEqual(['0', '11', '11c', '12c', '13c', 'end']);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('shows the newest progress, without an id, and none of an attempt that is over', async () => {
    await start();
    const jobId = await submit(api);
    await applyEvents(api, jobId, [CLAIMED, STARTED]);
    await api.ports.store.recordProgress(jobId, 1, { fraction: 0.1, step: 'load', atMs: NOW_MS + 2_100 });
    const reader = await open(jobId);
    const progress = () => reader.frames.filter(({ event }) => event === 'progress');
    await until(() => progress().length === 1);
    await api.ports.store.recordProgress(jobId, 1, { fraction: 0.6, step: 'segment', atMs: NOW_MS + 2_200 });
    await until(() => progress().length === 2);
    expect(progress().map(({ id }) => id)).toEqual([null, null]);
    expect(progress().map(({ data }) => progressEventSchema.parse(data))).toMatchObject([
      { fraction: 0.1, step: 'load', attempt: 1 },
      { fraction: 0.6, step: 'segment', at: new Date(NOW_MS + 2_200).toISOString() },
    ]);
    await applyEvents(api, jobId, [RETRIED]);
    await until(() => reader.ids.at(-1) === '13');
    const again = await open(jobId);
    await until(() => again.ids.length === 4);
    expect(again.frames.map(({ event }) => event)).not.toContain('progress');
  });

  it('sends comments while nothing happens, and ends when it is old, for the client to come again', async () => {
    await start({ streamHeartbeatMs: 20, streamLifeMs: 400 });
    const reader = await open(await submit(api));
    await until(() => reader.comments >= 2);
    await until(() => reader.isEnded);
    expect(reader.ids).toEqual(['0']);
  });

  it('ends when the job is deleted, and then answers 410', async () => {
    await start();
    const jobId = await submit(api);
    const reader = await open(jobId);
    await until(() => reader.ids.length === 1);
    await fetch(`${api.url}/jobs/${jobId}`, { method: 'DELETE' });
    await until(() => reader.isEnded);
    expect(reader.ids).toEqual(['0']);
    const response = await fetch(`${api.url}/jobs/${jobId}/events`, { headers: { 'Last-Event-ID': '0' } });
    expect([response.status, (await problemOf(response)).code]).toEqual([410, 'gone']);
  });

  it('refuses by problems before it begins', async () => {
    await start();
    const jobId = await submit(api);
    const refusal = async (id: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${api.url}/jobs/${id}/events`, { headers });
      return [response.status, (await problemOf(response)).code];
    };
    for (const id of ['11', '0c', 'end', 'Mustermann', '0,0']) {
      expect(await refusal(jobId, { 'Last-Event-ID': id })).toEqual([400, 'last_event_id_invalid']);
    }
    const { authorization } = await makeKey(api, 'other-clinic');
    const foreign = { authorization, 'Last-Event-ID': '0' };
    for (const id of [jobId, '00000000-0000-4000-8000-000000000000', 'x']) {
      expect(await refusal(id, foreign)).toEqual([404, 'not_found']);
    }
    expect(await refusal(jobId)).toEqual([401, 'unauthorized']);
    expect(api.logLines.join()).not.toContain('Mustermann');
  });

  it('answers HEAD without a stream, and an empty Last-Event-ID as none', async () => {
    await start();
    const jobId = await submit(api);
    const response = await fetch(`${api.url}/jobs/${jobId}/events`, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const reader = await open(jobId, { 'Last-Event-ID': '' });
    await until(() => reader.ids.length === 1);
  });

  it('is not offered where answers must be short: the problem says what to do', async () => {
    await start(AWS_WAITING);
    const response = await fetch(`${api.url}/jobs/${await submit(api)}/events`);
    const problem = await problemOf(response);
    expect([response.status, problem.code]).toEqual([404, 'events_not_offered']);
    expect(problem.title).toContain(`wait=${AWS_WAITING.waitSecondsMax}`);
  });
});

describe('streams', () => {
  const refused = async (jobId: JobId, authorization: string) => {
    const response = await fetch(`${api.url}/jobs/${jobId}/events`, { headers: { authorization } });
    const { code } = await problemOf(response);
    return [response.status, code, response.headers.get('retry-after')];
  };
  const REFUSED = [429, 'too_many_streams', '10'];

  it('are limited per client and in all, and leave their place free', async () => {
    await start({ streamsPerClientMax: 2, streamsMax: 3 });
    const [a, b] = [await makeKey(api, 'clinic-a'), await makeKey(api, 'clinic-b')];
    const ofA = await submit(api, undefined, { authorization: a.authorization });
    const ofB = await submit(api, undefined, { authorization: b.authorization });
    const held = [await open(ofA, a), await open(ofA, a)];
    expect(await refused(ofA, a.authorization)).toEqual(REFUSED);
    await open(ofB, b);
    expect(await refused(ofB, b.authorization)).toEqual(REFUSED);
    held[0]?.leave();
    await until(() => api.logLines.some((line) => line.includes('"status":499')));
    const next = await open(ofB, b);
    await until(() => next.ids.length === 1);
    // Their life is no time that the API took.
    await applyEvents(api, ofB, [{ type: 'failed', code: 'cancelled', atMs: NOW_MS + 1 }]);
    await until(() => next.isEnded);
    await until(() => api.logLines.some((line) => line.includes('events","status":200') && line.includes('heldMs')));
  });

  it('share one watcher with each other: everybody is told', async () => {
    await start();
    const jobId = await submit(api);
    const all = await Promise.all(Array.from({ length: 20 }, async () => open(jobId)));
    await applyEvents(api, jobId, LIFE);
    await until(() => all.every((reader) => reader.isEnded));
    for (const reader of all) expect(reader.ids.at(-1)).toBe('end');
  });
});
