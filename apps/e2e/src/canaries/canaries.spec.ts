import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { submittedSchema } from '@bpi/job-contract';
import { freePort } from '@bpi/tools';
import { EngineSwitch } from '../engine-switch.ts';
import { ownContainers, python, required, startHarness, until, type Harness } from '../harness.ts';
import { canaries, post, refusedOrders, send, strayRequests, type Answered, type Carrier } from './carriers.ts';
import {
  dumpsIn,
  findingsIn,
  INTENDED,
  isIntended,
  scanDatabase,
  scanFolder,
  scanProcesses,
  type Finding,
} from './scan.ts';

const MODEL = 'echo-prompted';
const PROMPT = canaries.nameOf('prompt');

/** What the model does once it has repeated its prompts everywhere, and what becomes of the job. */
const ENDS: readonly [then: string, params: Record<string, unknown>, code: string | null][] = [
  ['hang', {}, 'attempt_timeout'],
  ['eat_memory', { size: 'small' }, 'out_of_memory'],
  ['mask', {}, null],
  ['raise_error', {}, 'model_error'],
  ['exit', { exit_code: 10 }, 'invalid_input'],
  ['write_prompts', {}, 'invalid_output'],
  ['write_garbage', {}, 'invalid_output'],
  ['write_nothing', {}, 'invalid_output'],
];

/** A patient's name in every place where a client can put one, and every place where it must not turn up. */
describe('a planted patient name', () => {
  const startedMs = Date.now();
  let harness: Harness;
  let engine: EngineSwitch;
  let inputs: string;
  let metricsUrls: string[];
  const refused: Answered[] = [];
  const findings: Finding[] = [];
  const npz = (file: string) => join(inputs, `${file}.npz`);

  beforeAll(async () => {
    inputs = await mkdtemp(join(tmpdir(), 'bpi-canaries-'));
    await python('make_canaries.py', inputs, PROMPT, canaries.nameOf('file_content'));
    engine = new EngineSwitch({ path: join(inputs, 'engine.sock'), engine: required('BPI_TEST_DOCKER_SOCKET') });
    await engine.on();
    const [api, worker] = [await freePort(), await freePort()];
    metricsUrls = [api, worker].map((port) => `http://127.0.0.1:${port}/metrics`);
    harness = await startHarness({
      LOCAL_SLOTS: '4',
      DOCKER_SOCKET: engine.path,
      METRICS_PORT: String(api),
      HEALTH_PORT: String(worker),
      DEFAULT_MODEL: MODEL,
    });
  }, 60_000);
  afterAll(async () => {
    await harness.close();
    await engine.off();
    await rm(inputs, { recursive: true });
  });

  async function submit(params: Record<string, unknown>, key: string, input = npz('prompt')): Promise<string> {
    const response = await post(harness.platform.url, {
      input,
      fields: {
        model: MODEL,
        external_job_id: canaries.nameOf('external_job_id'),
        params: JSON.stringify({ behaviour: 'leak', ...params }),
      },
      headers: { 'idempotency-key': `${canaries.nameOf('idempotency_key')}-${key}` },
    });
    const text = await response.text();
    refused.push({
      what: `accepted ${key}`,
      status: response.status,
      text: JSON.stringify([...response.headers]) + text,
    });
    expect([key, response.status]).toEqual([key, 202]);
    return submittedSchema.parse(JSON.parse(text)).job_id;
  }

  it('comes through every stage of a job that ends well, fails, is killed, cancelled, or loses its engine', async () => {
    const killed = await submit({ then: 'slow', seconds: 3 }, 'killed');
    const [container = ''] = await until(harness.liveContainers, (live) => live.length === 1);
    const { findings: ofProcesses, seen } = await scanProcesses(harness.dataDir);
    expect(seen).toBeGreaterThanOrEqual(2); // the stager's are there for moments only
    findings.push(...ofProcesses);
    await harness.docker.getContainer(container).kill();
    const jobs: string[] = [];
    for (const [then, params] of ENDS) jobs.push(await submit({ then, ...params }, then));
    const cancelled = await submit({ then: 'slow', seconds: 5 }, 'cancelled');
    await harness.client.cancel(cancelled);
    await engine.off();
    await until(
      () => harness.log('worker'),
      (log) => log.includes('"loop.failed"') || log.includes('"advance.failed"'),
    );
    await engine.on();
    const ended = await Promise.all(jobs.map((jobId) => harness.finish(jobId)));
    const codes = ended.map(({ error }) => error?.code ?? null);
    expect(codes).toEqual(ENDS.map(([, , code]) => code));
    for (const jobId of [killed, cancelled]) await harness.finish(jobId);
    await answersAbout(jobs);
  }, 90_000);

  /** What its owner is shown of each job, and the places where the name belongs in it. */
  async function answersAbout(jobs: readonly string[]): Promise<void> {
    const shown: Record<string, readonly Carrier[]> = {
      '/status/{id}': ['external_job_id'],
      '/jobs': ['external_job_id'],
      '/jobs/{id}/events': [],
      '/jobs/{id}/logs': ['prompt'],
    };
    const completed = jobs[ENDS.findIndex(([then]) => then === 'mask')] ?? '';
    for (const [route, carriers] of [...Object.entries(shown), ['/result/{id}', ['prompt']] as const]) {
      const { text } = await send(harness.platform.url, ['GET', route.replace('{id}', completed), {}]);
      expect([route, canaries.carriersIn(text)]).toEqual([route, carriers]);
    }
    for (const jobId of jobs) {
      for (const route of [`/result/${jobId}/pred_mask.npz`, `/result/${jobId}/preview.png`]) {
        refused.push(await send(harness.platform.url, ['GET', route, {}]));
      }
      if (jobId !== completed) refused.push(await send(harness.platform.url, ['GET', `/result/${jobId}`, {}]));
    }
  }

  it('comes in by everything that is refused, and by files whose every part has one', async () => {
    const { url } = harness.platform;
    for (const [what, order] of Object.entries(refusedOrders(npz))) {
      const response = await post(url, order);
      const text = JSON.stringify([...response.headers]) + (await response.text());
      expect([what, response.status >= 400 && response.status < 500]).toEqual([what, true]);
      refused.push({ what, status: response.status, text });
    }
    for (const file of [
      'extra-array',
      'extra-array-name',
      'zip-comment',
      'zip-entry-comment',
      'zip-extra',
      'trailing',
    ]) {
      const response = await post(url, { input: npz(file), fields: { params: '{"behaviour":"leak"}' } });
      const text = await response.text();
      refused.push({ what: file, status: response.status, text: JSON.stringify([...response.headers]) + text });
      if (response.status === 202) await harness.finish(submittedSchema.parse(JSON.parse(text)).job_id);
    }
    const jobId = await submit({}, 'stray');
    for (const stray of strayRequests(jobId)) refused.push(await send(url, stray));
    await harness.finish(jobId);
  }, 60_000);

  async function scan(): Promise<Finding[]> {
    const { dataDir, docker } = harness;
    const found = [
      ...(await scanFolder(dataDir)),
      ...scanDatabase(join(dataDir, 'platform.db')),
      ...(await scanProcesses(dataDir)).findings,
      ...refused.flatMap(({ what, text }) => findingsIn(`answer:${what}`, text)),
    ];
    for (const url of metricsUrls) found.push(...findingsIn('metrics', await (await fetch(url)).text()));
    for (const { Id, ImageID } of await ownContainers(docker, dataDir)) {
      found.push(...findingsIn('container', JSON.stringify(await docker.getContainer(Id).inspect())));
      found.push(...findingsIn('image', JSON.stringify(await docker.getImage(ImageID).inspect())));
    }
    return found;
  }

  it('is where it belongs, by the one way that leads there, and nowhere else', async () => {
    findings.push(...(await scan()));
    expect(findings.filter((finding) => !isIntended(finding))).toEqual([]);
    for (const intended of INTENDED.filter(({ passing }) => passing !== true)) {
      const hits = findings.filter(({ place }) => intended.place.test(place));
      expect([intended.place, hits.length > 0]).toEqual([intended.place, true]);
    }
    expect(await readdir(join(harness.dataDir, 'scratch'))).toEqual([]);
    expect(await dumpsIn(process.cwd(), startedMs)).toEqual([]);
    for (const log of ['api', 'worker'] as const) {
      const lines = (await harness.log(log)).trim().split('\n');
      expect(lines.length).toBeGreaterThan(10);
      expect(lines.filter((line) => line.includes('"dropped"'))).toEqual([]);
    }
  }, 60_000);

  it('would have been found by this test at each of those places', async () => {
    const { dataDir, docker } = harness;
    const name = canaries.nameOf('file_name');
    const inFolder = (...path: string[]) => join(dataDir, ...path);
    const [jobFolder = ''] = await readdir(inFolder('jobs'));
    await appendFile(inFolder('logs', 'worker.log'), `{"event":"x","key":"${Buffer.from(name).toString('base64')}"}\n`);
    await writeFile(inFolder('scratch', name), '');
    await mkdir(inFolder('jobs', jobFolder, 'output'), { recursive: true });
    await writeFile(inFolder('jobs', jobFolder, 'output', 'x.nii.gz'), gzipSync(Buffer.from(name, 'utf16le')));
    await writeFile(inFolder('jobs', jobFolder, 'status.txt'), PROMPT);
    const database = new DatabaseSync(inFolder('platform.db'));
    database.prepare("INSERT INTO audit_events (at_ms, action, request_id) VALUES (1, 'submit', ?)").run(name);
    database.prepare("UPDATE jobs SET record = json_set(record, '$.pool', ?) WHERE job_id = ?").run(name, jobFolder);
    database.close();
    refused.push({ what: 'planted', status: 400, text: name.toUpperCase() });
    const [{ Image = '' } = {}] = await ownContainers(docker, dataDir);
    const container = await docker.createContainer({
      Image: Image === '' ? 'bpi/echo-model:1.0.0' : Image,
      Labels: { patient: name },
      HostConfig: { Binds: [`${dataDir}:/mnt:ro`] },
    });
    const planted = (await scan()).filter((finding) => !isIntended(finding));
    await container.remove({ force: true });
    const places = [...new Set(planted.map(({ place, carrier }) => `${carrier} ${place}`))].sort();
    expect(places.filter((place) => !/platform\.db/.test(place))).toEqual([
      'file_name answer:planted',
      'file_name column:audit_events.request_id',
      'file_name column:jobs.record.pool',
      'file_name container',
      `file_name file:jobs/${jobFolder}/output/x.nii.gz`,
      'file_name file:logs/worker.log',
      `file_name name:scratch/${name}`,
      `prompt file:jobs/${jobFolder}/status.txt`,
    ]);
    expect(places).toContainEqual(expect.stringMatching(/^file_name file:platform\.db(-wal)?$/));
    expect(await readFile(inFolder('jobs', jobFolder, 'status.txt'), 'utf8')).toBe(PROMPT);
  }, 60_000);
});
