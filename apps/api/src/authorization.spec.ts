import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { ROUTES, type JobId, type JobRecord, type Route } from '@bpi/job-contract';
import { startTestApi, type TestApi } from './testing/api-harness.ts';
import { ask, outcomeOf, told, type Answer, type HeaderLines, type Question } from './testing/ask.ts';
import { JOB_STATES, makeActor, makeJob, noIds, type Actor, type JobState } from './testing/cast.ts';

/** What a route shows of a job to its owner, by the job's state; for everybody else there is none. */
type OfOneJob = Readonly<Record<JobState, string>>;

/**
 * Every route, by the id of the contract's table. One that is not here fails below: whoever adds it says whose it is.
 * `own`: shows or makes the caller's own only, see authorization-separation.spec.ts. `shared`: the same for every caller.
 */
const EXPECTED: Readonly<Record<string, OfOneJob | 'own' | 'shared' | 'public'>> = {
  submitJob: 'own',
  getStatus: { queued: '200', completed: '200', failed: '200', deleted: '410 gone' },
  getEvents: { queued: '200', completed: '200', failed: '200', deleted: '410 gone' },
  listJobs: 'own',
  cancelJob: { queued: '202', completed: '409 already_ended', failed: '409 already_ended', deleted: '410 gone' },
  deleteJob: { queued: '202', completed: '202', failed: '202', deleted: '202' },
  getLogs: { queued: '404 not_found', completed: '200', failed: '404 not_found', deleted: '410 gone' },
  getResult: { queued: '409 not_ready', completed: '200', failed: '409 job_failed', deleted: '410 gone' },
  getArtifact: { queued: '409 not_ready', completed: '200', failed: '409 job_failed', deleted: '410 gone' },
  listModels: 'shared',
  getModel: 'shared',
  getLive: 'public',
  getReady: 'public',
  getOpenApi: 'public',
  getDocs: 'public',
  getErrors: 'public',
  getDocsFile: 'public',
};

const JOB_ROUTES = ROUTES.filter(({ params }) => params?.['job_id'] !== undefined);

let api: TestApi;
let actors: readonly [Actor, Actor];
/** By client, then by state. */
let jobs: Map<Actor, Record<JobState, JobId>>;

beforeAll(async () => {
  api = await startTestApi({ settings: { keyless: 'refused' } });
  actors = [await makeActor(api, 'clinic-a'), await makeActor(api, 'clinic-b')];
  jobs = new Map();
  for (const actor of actors) jobs.set(actor, await jobsInEveryState(actor));
});
afterAll(async () => api.close());

async function jobsInEveryState(actor: Actor): Promise<Record<JobState, JobId>> {
  const [queued, completed, failed, deleted] = [
    await makeJob(api, actor, 'queued'),
    await makeJob(api, actor, 'completed'),
    await makeJob(api, actor, 'failed'),
    await makeJob(api, actor, 'deleted'),
  ];
  return { queued, completed, failed, deleted };
}

function pathOf(route: Route, jobId: string): string {
  const values = Object.entries(route.params ?? {}).map(([name, { example }]) => [name, example]);
  const params = { ...Object.fromEntries(values), job_id: jobId };
  return route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name as keyof typeof params]);
}

/** The route as anybody may ask it: plainly, with a query it does not know, with every header that it does. */
function questions(route: Route, jobId: string): Question[] {
  const path = pathOf(route, jobId);
  const headers: HeaderLines = (route.headers ?? []).map((name) => [name, 'bytes=0-0']);
  const methods = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
  return methods.flatMap((method) => [
    { method, path },
    { method, path: `${path}?wait=1&tail=1&nonsense=${jobId}` },
    { method, path, headers: [...headers, ['Accept', 'application/octet-stream']] },
  ]);
}

const askAs = (actor: Actor, question: Question): Promise<Answer> =>
  ask(api.port, { ...question, headers: [...(question.headers ?? []), ...actor.lines] });

async function everyRecord(): Promise<(JobRecord | undefined)[]> {
  const ids = [...jobs.values()].flatMap((byState) => Object.values(byState));
  return Promise.all(ids.map(async (jobId) => (await api.ports.store.get(jobId))?.job));
}

describe('the matrix of clients, routes and jobs', () => {
  it('has every route of the API, and none that is not there', () => {
    expect(Object.keys(EXPECTED).sort()).toEqual(ROUTES.map(({ id }) => id).sort());
    for (const route of ROUTES) {
      const expected = EXPECTED[route.id];
      expect([route.id, expected === 'public']).toEqual([route.id, route.access === 'public']);
      expect([route.id, typeof expected === 'object']).toEqual([route.id, JOB_ROUTES.includes(route)]);
    }
  });

  it.each(JOB_ROUTES)('$id tells another client’s job from none by nothing, and does nothing to it', async (route) => {
    const [before, audited] = [await everyRecord(), api.audited.length];
    for (const actor of actors) {
      const foreign = actors
        .filter((other) => other !== actor)
        .flatMap((other) => Object.values(jobs.get(other) ?? {}));
      expect(foreign).toHaveLength(JOB_STATES.length);
      const [near = ''] = foreign;
      const unknown = await toldOfAll(actor, route, randomUUID());
      expect(unknown.every((text) => text.startsWith('404\n'))).toBe(true);
      for (const jobId of [...foreign, ...noIds(near)]) {
        expect([jobId, await toldOfAll(actor, route, jobId)]).toEqual([jobId, unknown]);
      }
    }
    expect(await everyRecord()).toEqual(before);
    // The trail says who tried, and names a job only if it is one.
    const known = [null, ...[...jobs.values()].flatMap((byState) => Object.values(byState))];
    for (const { clientId, outcome, jobId } of api.audited.slice(audited)) {
      expect({ outcome, isActor: actors.some(({ name }) => name === clientId) }).toEqual({
        outcome: 'not_found',
        isActor: true,
      });
      expect(known).toContain(jobId);
    }
  });

  async function toldOfAll(actor: Actor, route: Route, jobId: string): Promise<string[]> {
    return Promise.all(questions(route, jobId).map(async (question) => told(await askAs(actor, question))));
  }

  it.each(JOB_ROUTES)('$id shows its owner what becomes of its own jobs', async (route) => {
    const [actor] = actors;
    const seen: Record<string, string> = {};
    for (const state of JOB_STATES) {
      const jobId = await makeJob(api, actor, state);
      seen[state] = outcomeOf(await askAs(actor, { method: route.method, path: pathOf(route, jobId) }));
    }
    expect(seen).toEqual(EXPECTED[route.id]);
  });

  it.each(ROUTES.filter(({ id }) => EXPECTED[id] === 'shared'))('$id is the same for every client', async (route) => {
    const [one, other] = await Promise.all(
      actors.map(async (actor) => told(await askAs(actor, { path: pathOf(route, '').replace('brain-mri', 'fixed') }))),
    );
    expect(one).toMatch(/^200\n/);
    expect(other).toBe(one);
  });
});
