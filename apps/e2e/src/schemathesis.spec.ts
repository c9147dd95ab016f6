import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openApiDocument, ROUTES } from '@bpi/job-contract';
import { Client } from '@bpi/tools';
import * as z from 'zod';
import { repoRoot, required, startHarness, until, type Harness } from './harness.ts';

const run = promisify(execFile);

const SEED = Number(process.env['BPI_TEST_SEED'] ?? 1);
/** Requests that it makes up per route, beside those that the document itself leads to. */
const EXAMPLES_MAX = process.env['BPI_TEST_LONG'] === '1' ? 300 : 20;
const RUN_MS_MAX = 15 * 60_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** What an answer must be like. Whether a request should have been refused is for the tests of each route. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'unsupported_method',
  'ignored_auth',
];

const answersSchema = z.record(z.string(), z.record(z.string(), z.int()));

/** A stranger's reading of the API's document: whatever it allows to send, the answer is one that it names. */
describe('Schemathesis, by the served document', () => {
  let harness: Harness;
  let headers: { authorization: string };
  let client: Client;
  let knownJobs: string[];

  beforeAll(async () => {
    const limits = { QUEUED_JOBS_PER_CLIENT_MAX: '10000', RATE_LIMITS: 'submit=1000000/10,status=1000000/10' };
    harness = await startHarness(limits);
    const keys = [join(repoRoot, 'tools/src/keys.ts'), 'create', 'clinic-a', '--data', harness.dataDir];
    const key = (await run(process.execPath, keys)).stdout.trim();
    headers = { authorization: `Bearer ${key}` };
    client = new Client(harness.platform.url, key);
    knownJobs = await endedJobs();
  }, 120_000);
  afterAll(() => harness.close());

  /** One of each end, and one that was removed. */
  async function endedJobs(): Promise<string[]> {
    const submit = async (params: Record<string, unknown>) =>
      (await client.infer({ inputPath: harness.input('prompted'), model: 'echo', params })).job_id;
    const send = (method: string, path: string) => fetch(harness.platform.url + path, { method, headers });
    const completed = await submit({});
    const failed = await submit({ behaviour: 'exit' });
    const cancelled = await submit({ behaviour: 'slow', seconds: 600 });
    await send('POST', `/jobs/${cancelled}/cancel`);
    const ended = [completed, failed, cancelled];
    for (const jobId of ended) {
      await until(
        () => client.status(jobId),
        ({ ended_at: endedAt }) => endedAt !== undefined,
      );
    }
    const deleted = await submit({ behaviour: 'noop' });
    await send('DELETE', `/jobs/${deleted}`);
    await until(
      () => send('GET', `/status/${deleted}`),
      ({ status }) => status === 410,
    );
    return [...ended, deleted];
  }

  /** `document`: the text of an OpenAPI document. */
  async function schemathesis(document: string, ...more: string[]): Promise<{ code: number; output: string }> {
    const cwd = join(harness.dataDir, 'schemathesis'); // it leaves a folder of examples where it runs
    await mkdir(cwd, { recursive: true });
    // From a file: the address of a document that it fetched itself is a route that it leaves out.
    await writeFile(join(cwd, 'openapi.json'), document);
    const target = ['run', 'openapi.json', '--url', harness.platform.url, '--checks', CHECKS.join(',')];
    const requests = ['--header', `Authorization: ${headers.authorization}`, '--request-timeout', '30'];
    const size = ['--max-examples', String(EXAMPLES_MAX), '--seed', String(SEED), '--no-color'];
    const env = {
      ...process.env,
      SCHEMATHESIS_HOOKS: 'api_requests',
      PYTHONPATH: join(import.meta.dirname, 'python'),
      PYTHONDONTWRITEBYTECODE: '1',
      KNOWN_JOBS: knownJobs.join(','),
      VOLUME: harness.input('plain'),
      ANSWERS: join(harness.dataDir, 'answers.json'),
    };
    const args = [...target, ...requests, ...size, ...more];
    const options = { cwd, env, timeout: RUN_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX };
    return new Promise((resolve) => {
      execFile(required('BPI_TEST_SCHEMATHESIS'), args, options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr }),
      );
    });
  }

  it(`finds no server error and no answer that the document does not name (BPI_TEST_SEED=${SEED})`, async () => {
    const served = await (await fetch(`${harness.platform.url}/openapi.json`)).text();
    const { code, output } = await schemathesis(served);
    process.stdout.write(`${output.slice(-1_500)}\n`);
    expect([code, code === 0 ? '' : output]).toEqual([0, '']);
    const answers = answersSchema.parse(JSON.parse(await readFile(join(harness.dataDir, 'answers.json'), 'utf8')));
    // Else a route whose requests are all refused would pass.
    const neverWell = ROUTES.map(({ id }) => id).filter(
      (id) => !Object.keys(answers[id] ?? {}).some((status) => Number(status) < 400),
    );
    expect({ neverWell, answers }).toEqual({ neverWell: [], answers });
    process.stdout.write(`answers by operation: ${JSON.stringify(answers)}\n`);
  }, 900_000);

  it('would find an answer that the document does not name', async () => {
    const document = structuredClone(openApiDocument()) as {
      paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
    };
    delete document.paths['/status/{job_id}']?.['get']?.responses['404'];
    const only = ['--include-operation-id', 'getStatus', '--phases', 'fuzzing'];
    const { code, output } = await schemathesis(JSON.stringify(document), ...only);
    expect([code, output.includes('Undocumented status code')]).toEqual([1, true]);
  }, 120_000);
});
