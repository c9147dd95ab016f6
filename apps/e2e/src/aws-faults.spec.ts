import { createHash, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createFaultPlan } from '@bpi/ecs-simulator';
import { ARTIFACT_NAMES, isTerminal, reportKey, type JobId, type JobRecord } from '@bpi/job-contract';
import { ApiProblem } from '@bpi/tools';
import { startAwsHarness, type AwsHarness } from './aws-harness.ts';
import { FaultProxy, randomOf } from './fault-proxy.ts';
import { until } from './harness.ts';
import { KINDS, kindOfJob, scriptOf, type KindName } from './job-mix.ts';
import { objectBytes, originOf, publishedBytes } from './scripted-artifacts.ts';
import { ScriptedTasks } from './scripted-task.ts';
import { allTasks, liveTasks } from './simulated-tasks.ts';

const JOBS = 300;
const SLOTS = 16;
const FAULT_SHARE = 0.05;
const KILL_EVERY_MS = 2_000;
/** With every so many workers a machine goes, with a short notice. */
const MACHINE_EVERY = 4;
/** Fewer than a job's budget of interruptions, whichever job they meet. */
const MACHINES_MAX = 6;
const NOTICE_MS_MAX = 1_000;
const CANCEL_SHARE = 0.08;
const CANCEL_AFTER_MS_MAX = 6_000;
/** As many as the API takes of one client. */
const SUBMITTERS = 4;
/** Between two looks at all jobs: more of them would only take the machine from the platform. */
const LOOK_EVERY_MS = 1_000;
/** Sent again in the end, with their keys. */
const REPEATED = 10;
const ALL_ENDED_WITHIN_MS = 240_000;

const QUIET_WITHIN_MS = 60_000;
const WORKER_NAMES = ['worker', 'worker-2', 'worker-3'] as const;
const DEPTH = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;
const LOGGED_END = /"event":"job\.phase","jobId":"([0-9a-f-]{36})".*"to":"(completed|failed)"/;

const seed = Number(process.env['FAULT_SEED'] ?? Math.floor(Math.random() * 1_000_000));

type Job = { jobId: string; kind: KindName; key: string; cancelled: boolean };

describe(`the AWS composition when everything goes wrong now and then (FAULT_SEED=${seed})`, () => {
  const random = randomOf(seed);
  let refusals = 0;
  let harness: AwsHarness;
  let proxy: FaultProxy;
  let tasks: ScriptedTasks;
  beforeAll(async () => {
    proxy = new FaultProxy(seed);
    tasks = new ScriptedTasks((asked) => scriptOf(asked, random), { scratchDir: tmpdir() });
    harness = await startAwsHarness({
      engine: tasks.engine,
      slots: SLOTS,
      workers: WORKER_NAMES.length,
      through: proxy.through,
      policy: {
        launchWindowMs: 15_000,
        taskKeptMs: 25_000,
        stopEscalationMs: 8_000,
        backoffMaxMs: 1_000,
        steadyBeforeDeadlineMs: 0,
      },
      workerEnv: { DISPATCH_VISIBILITY_MS: '6000' },
    });
  }, 60_000);
  afterAll(async () => {
    await harness.close();
    await proxy.close();
    tasks.close();
  });

  /** As a client does it: the same key until there is an answer. */
  async function submit(kind: KindName): Promise<Job> {
    const key = randomUUID();
    const jobId = await insist(() => post(kind, key));
    return { jobId, kind, key, cancelled: random() < CANCEL_SHARE };
  }

  async function post(kind: KindName, idempotencyKey: string): Promise<string> {
    const { params } = KINDS[kind];
    const inputPath = harness.input('plain');
    return (await harness.client.infer({ inputPath, model: 'echo', params, idempotencyKey })).job_id;
  }

  async function submitAll(count: number): Promise<Job[]> {
    const jobs: Job[] = [];
    const cancelling: Promise<void>[] = [];
    let next = 0;
    const submitter = async () => {
      while (next < count) {
        const job = await submit(kindOfJob(next++));
        jobs.push(job);
        if (job.cancelled) cancelling.push(cancelLater(job));
      }
    };
    await Promise.all(Array.from({ length: SUBMITTERS }, submitter));
    await Promise.all(cancelling);
    return jobs;
  }

  async function cancelLater({ jobId }: Job): Promise<void> {
    await delay(random() * CANCEL_AFTER_MS_MAX);
    await insist(() => harness.client.cancel(jobId), ['already_ended']);
  }

  /** Until it works, or one of these is the answer. Nothing but "busy" may be answered meanwhile. */
  async function insist<T>(ask: () => Promise<T>, enough: readonly string[] = []): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error;
        if (enough.includes(error.code)) return undefined as T; // the caller does not look at it
        if (!['unavailable', 'too_many_uploads'].includes(error.code)) throw error;
        refusals += 1;
        await delay(50);
      }
    }
  }

  /** Workers die as by the kernel, and machines as Spot instances do. */
  async function killNowAndThen(signal: AbortSignal): Promise<{ workers: number; machines: number }> {
    const kills = { workers: 0, machines: 0 };
    const { platform } = harness;
    while (!signal.aborted) {
      await delay(KILL_EVERY_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
      kills.workers += 1;
      anyOf(platform.workers)?.kill('SIGKILL');
      if (kills.workers % MACHINE_EVERY !== 0 || kills.machines >= MACHINES_MAX) continue;
      const machine = anyOf(platform.simulator.instances.filter(({ taskArns }) => taskArns.length > 0));
      if (machine === undefined) continue;
      kills.machines += 1;
      platform.simulator.reclaim(machine.instanceId, { noticeMs: random() * NOTICE_MS_MAX });
    }
    return kills;
  }

  function anyOf<T>(values: readonly T[]): T | undefined {
    return values[Math.floor(random() * values.length)];
  }

  /** The records as they were when each job was first seen over. */
  async function untilAllEnded(jobs: readonly Job[]): Promise<Map<string, JobRecord>> {
    const ended = new Map<string, JobRecord>();
    await until(
      async () => {
        await delay(LOOK_EVERY_MS);
        for (const { jobId } of jobs) {
          if (ended.has(jobId)) continue;
          const record = await harness.record(jobId);
          if (isTerminal(record.phase)) ended.set(jobId, record);
        }
        return jobs.filter(({ jobId }) => !ended.has(jobId)).map(({ jobId }) => jobId);
      },
      (open) => open.length === 0,
      ALL_ENDED_WITHIN_MS,
    );
    return ended;
  }

  /** Nothing runs and nothing waits. */
  async function untilQuiet(): Promise<void> {
    await until(
      () => liveTasks(harness.platform),
      (live) => live.length === 0,
      QUIET_WITHIN_MS,
    );
    await until(messagesWaiting, (messages) => messages === 0, QUIET_WITHIN_MS);
  }

  async function messagesWaiting(): Promise<number> {
    const queue = { QueueUrl: harness.platform.resources.jobQueueUrl, AttributeNames: [...DEPTH] };
    const { Attributes } = await harness.services.sqs.send(new GetQueueAttributesCommand(queue));
    return DEPTH.reduce((sum, name) => sum + Number(Attributes?.[name]), 0);
  }

  /** The jobs whose end a worker logged, as often as it was. */
  async function loggedEnds(): Promise<string[]> {
    const logs = await Promise.all(WORKER_NAMES.map((name) => harness.log(name)));
    return logs.flatMap((log) => log.split('\n')).flatMap((line) => LOGGED_END.exec(line)?.[1] ?? []);
  }

  async function checkEnd(job: Job, ended: JobRecord | undefined): Promise<void> {
    const now = await harness.projected(job.jobId);
    // What was seen first is what is there in the end.
    expect(now.phase).toBe(ended?.phase);
    expect(now.result).toEqual(ended?.result);
    const cancelled = now.cancelRequestedAtMs !== null;
    const outcome = now.error?.code ?? now.phase;
    expect({ job, outcome }).toEqual({ job, outcome: cancelled ? 'cancelled' : KINDS[job.kind].outcome });
    if (now.result !== null) await checkPublished(now.jobId, now.result);
  }

  /** What is shown comes from one attempt, and is what that attempt reported. */
  async function checkPublished(jobId: JobId, { epoch, manifest }: NonNullable<JobRecord['result']>): Promise<void> {
    expect(manifest.map(({ name }) => name)).toEqual(ARTIFACT_NAMES);
    const { objects } = harness.services;
    for (const [at, bytes] of (await publishedBytes(objects, jobId)).entries()) {
      expect(originOf(bytes)).toEqual({ jobId, epoch });
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(manifest[at]?.sha256);
    }
    const report: unknown = JSON.parse((await objectBytes(objects, reportKey(jobId, epoch))).toString('utf8'));
    expect(report).toMatchObject({ result: 'stored', epoch, manifest });
    expect(tasks.runsOf(jobId, epoch)).toMatchObject([{ modelExit: 0, report: 'stored' }]);
  }

  it('loses no job, publishes none twice, and leaves no task', async () => {
    const startedMs = performance.now();
    proxy.misbehave(FAULT_SHARE);
    const { simulator } = harness.platform;
    const events = { eventLostRate: 0.05, eventDuplicatedRate: 0.05, eventDelayedRate: 0.05, eventReorderedRate: 0.05 };
    simulator.useFaults(
      createFaultPlan({ seed, ...events, eventDelayMsMax: 2_000, zombieRate: 0.1, ignoresStopRate: 0.05 }),
    );
    const over = new AbortController();
    const killing = killNowAndThen(over.signal);
    const jobs = await submitAll(JOBS);
    const ended = await untilAllEnded(jobs);
    over.abort();
    const kills = await killing;
    await untilQuiet();
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    // Attempts that stored a whole result which nobody wanted any more.
    const tooLate = tasks.runs.filter(
      ({ jobId, epoch, modelExit, report }) =>
        modelExit === 0 && report !== null && ended.get(jobId)?.result?.epoch !== epoch,
    ).length;
    const figures = { jobs: JOBS, seconds, tasks: tasks.runs.length, tooLate, kills, refusals, calls: proxy.calls };
    const lost = simulator.eventCounts.lost;
    process.stdout.write(`${JSON.stringify({ seed, ...figures, faults: proxy.counts, eventsLost: lost })}\n`);
    // Else nothing was shown.
    expect(Object.entries(proxy.counts).filter(([, count]) => count === 0)).toEqual([]);
    expect(Math.min(lost, kills.workers, kills.machines)).toBeGreaterThan(0);
    proxy.misbehave(0);
    simulator.useFaults(null);

    const all = await allTasks(harness.platform);
    expect(all.filter(({ jobId }) => !ended.has(jobId))).toEqual([]);
    expect(repeated(all.map(({ startedBy }) => startedBy))).toEqual([]);
    const logged = await loggedEnds();
    expect(repeated(logged)).toEqual([]);
    // An end that was saved goes unlogged only where the worker died in between, or never learned that it had saved.
    expect(JOBS - logged.length).toBeLessThanOrEqual(kills.workers);
    for (const { jobId, kind, key } of jobs.slice(0, REPEATED)) expect(await post(kind, key)).toBe(jobId);
    await Promise.all(jobs.map((job) => checkEnd(job, ended.get(job.jobId))));
    const completed = jobs.find(({ jobId }) => ended.get(jobId)?.phase === 'completed');
    const result = await harness.client.result(completed?.jobId ?? '');
    await harness.client.download(result, join(harness.dataDir, 'download')); // by signed links; checks every digest
  }, 480_000);
});

function repeated(values: readonly string[]): string[] {
  return values.filter((value, at) => values.indexOf(value) !== at);
}
