import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DYNAMO_CLIENTS_OPERATIONS,
  DYNAMO_JOB_STORE_OPERATIONS,
  ECS_TASK_RUNNER_OPERATIONS,
  S3_OBJECT_STORE_OPERATIONS,
  SQS_JOB_QUEUE_OPERATIONS,
  STAGER_MESSAGE_OPERATIONS,
  TASK_EVENTS_OPERATIONS,
} from '@bpi/adapters-aws';
import { submittedSchema } from '@bpi/job-contract';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startAwsHarness, type AwsHarness } from './aws-harness.ts';
import { answerWith, AwsProxy, operationOf } from './aws-proxy.ts';
import { budgetTable, CALLS_PER_JOB, JOB_ITEM_BYTES_MAX } from './call-budget.ts';
import { canaries, post } from './canaries/carriers.ts';
import { python, repoRoot, until } from './harness.ts';

const JOBS = 5;
const NEVER_MS = String(60 * 60_000);

const NAMED: ReadonlySet<string> = new Set([
  ...DYNAMO_CLIENTS_OPERATIONS,
  ...DYNAMO_JOB_STORE_OPERATIONS,
  ...ECS_TASK_RUNNER_OPERATIONS,
  ...S3_OBJECT_STORE_OPERATIONS,
  ...SQS_JOB_QUEUE_OPERATIONS,
  ...STAGER_MESSAGE_OPERATIONS,
  ...TASK_EVENTS_OPERATIONS,
]);

describe('one job on AWS', () => {
  const counts = new Map<string, number>();
  const sent: { place: string; head: string; body: Buffer[] }[] = [];
  const proxy = new AwsProxy(async ({ asked, answer, pass }) => {
    const operation = operationOf(asked);
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
    const file = operation.startsWith('s3:') ? (/[\w.]+(?=\?|$)/.exec(asked.url ?? '')?.[0] ?? '') : '';
    const call: (typeof sent)[number] = {
      place: `${operation} ${file}`.trim(),
      head: JSON.stringify([asked.url, asked.rawHeaders]),
      body: [],
    };
    sent.push(call);
    asked.on('data', (part: Buffer) => call.body.push(part));
    answerWith(answer, await pass());
  });
  let harness: AwsHarness;
  beforeAll(async () => {
    // What the clock causes is the same with a thousand jobs and with none.
    const workerEnv = { SWEEP_INTERVAL_MS: NEVER_MS, LOOK_AGAIN_MS: NEVER_MS };
    harness = await startAwsHarness({ through: proxy.through, workerEnv });
  }, 60_000);
  afterAll(async () => {
    await harness.close();
    await proxy.close();
  });

  /** As a frugal caller does it: one look at the status, past the API until then. */
  async function oneJob(idempotencyKey: string): Promise<string> {
    const inputPath = harness.input('prompted');
    const { job_id: jobId } = await harness.client.infer({ inputPath, model: 'echo', idempotencyKey });
    await until(
      () => harness.record(jobId),
      ({ phase }) => phase === 'completed' || phase === 'failed',
    );
    expect(await harness.client.status(jobId)).toMatchObject({ status: 'completed', attempt: 1 });
    await harness.client.download(await harness.client.result(jobId), `${harness.dataDir}/${jobId}`);
    return jobId;
  }

  it('makes no more calls than its budget allows, and none that no adapter names', async () => {
    await oneJob('first'); // finds clients and caches cold
    counts.clear();
    for (let n = 0; n < JOBS; n += 1) await oneJob(`key-${n}`);
    const perJob = [...counts].sort().map(([operation, count]) => ({ operation, calls: count / JOBS }));
    const shown = perJob.map(({ operation, calls }) => `${operation} ${calls}`).join(', ');
    process.stdout.write(`Calls per job (mean of ${JOBS}): ${shown}\n`);
    expect(perJob.filter(({ operation, calls }) => calls > (CALLS_PER_JOB[operation]?.max ?? 0))).toEqual([]);
    expect([...counts.keys()].filter((operation) => !NAMED.has(operation))).toEqual([]);
  }, 120_000);

  it('has an item that is as small as its price assumes', async () => {
    const jobId = await oneJob('measured');
    const { dynamo } = harness.services;
    const Key = { pk: { S: `job#${jobId}` }, sk: { S: 'job' } };
    const { Item } = await dynamo.send(new GetItemCommand({ TableName: harness.platform.resources.table, Key }));
    const bytes = Buffer.byteLength(JSON.stringify(Item)); // a little more than DynamoDB counts
    process.stdout.write(`A job’s item: ${bytes} bytes\n`);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(JOB_ITEM_BYTES_MAX);
  }, 60_000);

  it('brings a patient’s name to no message, task, key, tag or log; to items and objects only where it belongs', async () => {
    const { platform, dataDir } = harness;
    const prompt = canaries.nameOf('prompt');
    await python('make_canaries.py', dataDir, prompt, canaries.nameOf('file_content'));
    sent.length = 0;
    const response = await post(platform.url, {
      input: harness.input('prompt'),
      fields: {
        model: 'echo-prompted',
        external_job_id: canaries.nameOf('external_job_id'),
        params: '{"behaviour":"leak"}',
      },
      headers: { authorization: `Bearer ${platform.apiKey}`, 'idempotency-key': canaries.nameOf('idempotency_key') },
    });
    const { job_id: jobId } = submittedSchema.parse(await response.json());
    expect(await harness.finish(jobId)).toMatchObject({ status: 'completed' });
    await harness.projected(jobId);
    const findings = sent.flatMap(({ place, head, body }) => [
      ...canaries.carriersIn(head).map((carrier) => `${carrier} in the head of ${place}`),
      ...canaries.carriersIn(Buffer.concat(body)).map((carrier) => `${carrier} in ${place}`),
    ]);
    expect([...new Set(findings)].sort()).toEqual([
      'external_job_id in dynamodb:TransactWriteItems',
      'external_job_id in dynamodb:UpdateItem',
      'prompt in s3:PutObject input.npz',
      'prompt in s3:PutObject job.json',
      'prompt in s3:PutObject logs.txt',
      'prompt in s3:PutObject metadata.json',
    ]);
    for (const log of ['api', 'worker']) expect(canaries.carriersIn(await harness.log(log))).toEqual([]);
  }, 60_000);

  it('costs what docs/costs.md says', async () => {
    const shown = await readFile(join(repoRoot, 'docs/costs.md'), 'utf8');
    expect(shown).toContain(budgetTable()); // after a change: take the table of the failure's report
  });
});
