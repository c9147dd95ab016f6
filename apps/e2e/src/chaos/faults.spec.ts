/** That a plan follows its seed and is carried out, and that logs are read as they are meant. */
import { describe, expect, it } from '@jest/globals';
import { randomOf } from '../fault-proxy.ts';
import { FaultCourse, planFaults, type FaultCounts, type FaultHands } from './faults.ts';
import { complaintsIn, leaksIn, loggedEndsIn, usageBetween } from './remains.ts';

const COUNTS: FaultCounts = {
  kill_api: 3,
  kill_worker: 5,
  freeze_api: 1,
  freeze_worker: 4,
  kill_container: 2,
  restarts: ['SIGTERM', 'SIGKILL'],
  freezeLanes: 2,
};
const STEPS = 20;

function handsThat(seen: string[]): FaultHands {
  const hand = async ({ kind }: { kind: string }) => {
    seen.push(kind);
    return 'done' as const;
  };
  return {
    kill_api: hand,
    kill_worker: hand,
    freeze_api: hand,
    freeze_worker: hand,
    kill_container: hand,
    restart_engine: hand,
  };
}

describe('the faults of a run', () => {
  it('are the same for the same seed, and others for another', () => {
    const plan = (seed: number) => planFaults(COUNTS, randomOf(seed)).lanes;
    expect(plan(1)).toEqual(plan(1));
    expect(plan(1)).not.toEqual(plan(2));
  });

  it('are all done while the load goes on, none before it began, and the load waits for them', async () => {
    const seen: string[] = [];
    const course = new FaultCourse(
      planFaults(COUNTS, () => 0.5),
      STEPS,
    );
    const running = course.run(handsThat(seen), new AbortController().signal);
    expect(seen).toEqual([]);
    const caughtUp = course.caughtUp(1);
    for (let step = 0; step < STEPS; step += 1) course.step();
    await Promise.all([running, caughtUp]);
    const { restarts, freezeLanes: _, ...counts } = COUNTS;
    expect(course.done).toEqual({ ...counts, restart_engine: restarts.length });
    expect(seen).toHaveLength(17);
  });

  it('end with the run', async () => {
    const over = new AbortController();
    const course = new FaultCourse(
      planFaults(COUNTS, () => 0.5),
      STEPS,
    );
    const running = course.run(handsThat([]), over.signal);
    over.abort();
    await running;
    expect(course.done.kill_api).toBe(0);
  });
});

describe('a log', () => {
  it('holds nothing but events of ours, and none that says that a process failed', () => {
    expect(complaintsIn('api', '{"event":"service.started"}\n{"event":"job.cancel"}\n')).toEqual([]);
    for (const line of [
      '(node:1) Warning',
      '{"event":"service.failed"}',
      '{"event":"made.up"}',
      '{}',
      '[UnhandledPromise',
    ])
      expect(complaintsIn('api', `${line}\n`)).toHaveLength(1);
  });

  it('is searched for a canary as it is, in lower case, in hexadecimal and in Base64', () => {
    const canary = 'Florence-Applewhite-19410606';
    const bytes = Buffer.from(canary);
    for (const shape of [canary, canary.toLowerCase(), bytes.toString('hex'), bytes.toString('base64')])
      expect(leaksIn('api', `…${shape}…`, canary)).toHaveLength(1);
    expect(leaksIn('api', 'Florence', canary)).toEqual([]);
  });

  it('tells each end of a job', () => {
    const jobId = '11111111-1111-4111-8111-111111111111';
    const line = (to: string) =>
      `{"time":"x","event":"job.phase","jobId":"${jobId}","epoch":1,"from":"running","to":"${to}"}`;
    expect(loggedEndsIn([line('queued'), line('completed'), line('failed')].join('\n'))).toEqual([jobId, jobId]);
  });
});

describe('what processes keep', () => {
  const usage = (name: string, rssMiB: number, pid = 1) => ({ name, pid, fds: 20, rssMiB });
  const before = [usage('api', 200), usage('worker-1', 130), usage('worker-2', 150)];

  it('is counted for all workers together', () => {
    const after = [usage('api', 210), usage('worker-1', 150), usage('worker-2', 131)];
    expect(usageBetween(before, after)).toEqual([
      { name: 'api', fds: [20, 20], rssMiB: [200, 210] },
      { name: 'worker', fds: [40, 40], rssMiB: [280, 281] },
    ]);
  });

  it('tells nothing of a process that was started again', () => {
    expect(() => usageBetween(before, [usage('api', 20, 2)])).toThrow('api was started again');
  });
});
