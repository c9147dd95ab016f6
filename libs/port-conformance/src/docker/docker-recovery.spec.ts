import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskSpec } from '@bpi/jobs';
import { CuttableEngine } from './cuttable-engine.ts';
import { makeDockerHarness, makeRunner, settle, SOCKET, type DockerHarness } from './docker-harness.ts';

/** Notes that it ran, outside of what a repeated container would start anew. */
const COUNTED = 'echo run >> outputs/runs;';
const UNTIL_GO = 'while [ ! -e outputs/go ]; do sleep 0.05; done;';

describe('an attempt on Docker', () => {
  let harness: DockerHarness;
  const workers: ChildProcess[] = [];
  const cleanUp: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    harness = await makeDockerHarness();
  }, 60_000);
  afterAll(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    for (const clean of cleanUp) await clean();
    await harness.close();
  }, 60_000);

  const task = (spec: TaskSpec) => ({ jobId: spec.jobId, epoch: spec.epoch, ref: null });
  const runs = async (spec: TaskSpec) => (await harness.output(spec, 'runs')).trim().split('\n').length;
  const isRunning = async (spec: TaskSpec) => (await harness.runner.inspect(task(spec))).state === 'running';

  async function startWorker(spec: TaskSpec): Promise<ChildProcess> {
    const entry = fileURLToPath(new URL('shell-worker.ts', import.meta.url));
    const worker = spawn(process.execPath, [entry, harness.folder, harness.platform, JSON.stringify(spec)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: '/usr/bin:/bin' },
    });
    workers.push(worker);
    if (worker.stdout === null) throw new Error('stdout is a pipe, see above');
    await once(worker.stdout, 'data');
    return worker;
  }

  /** Without asking a runner of ours, which would stand by to take over. */
  async function containerRuns(spec: TaskSpec): Promise<boolean> {
    const found = await harness.docker
      .getContainer(`bpi-${spec.jobId}-${spec.epoch}`)
      .inspect()
      .catch(() => null);
    return found?.State.Running === true;
  }

  async function behindCuttableEngine(name: string) {
    const socket = `${harness.folder}/engine-${name}.sock`;
    const engine = new CuttableEngine({ socket, engine: SOCKET });
    await engine.mend();
    const runner = makeRunner(harness.folder, harness.platform, socket);
    cleanUp.push(
      () => runner.close(),
      () => engine.cut(),
    );
    return { engine, runner };
  }

  async function endUnwatched(spec: TaskSpec): Promise<void> {
    await writeFile(harness.work(spec, 'outputs/go'), '');
    await settle(async () => !(await containerRuns(spec)));
  }

  it('goes on when its worker is killed while the model runs, and runs it once', async () => {
    const spec = await harness.plan({ script: `${COUNTED} sleep 1; exit 0` });
    const worker = await startWorker(spec);
    await settle(() => containerRuns(spec));
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    expect(await harness.ended(spec)).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect(await runs(spec)).toBe(1);
    expect(await harness.runsOf(spec, 'stage-in')).toBe(1);
    expect(await harness.runsOf(spec, 'stage-out')).toBe(1);
  }, 60_000);

  it('goes on when its worker is killed right after the launch', async () => {
    const spec = await harness.plan({ script: `${COUNTED} exit 0` });
    const worker = await startWorker(spec);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    expect(await harness.ended(spec)).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect(await runs(spec)).toBe(1);
  }, 60_000);

  it('is taken over by a worker that stood by when its driver stalls, and both together do no harm', async () => {
    const spec = await harness.plan({ script: `${COUNTED} sleep 2; exit 4` });
    const worker = await startWorker(spec);
    await settle(() => containerRuns(spec));
    worker.kill('SIGSTOP');
    expect(await harness.ended(spec)).toMatchObject({ cause: 'exited', exitCode: 4 });
    worker.kill('SIGCONT');
    expect(await runs(spec)).toBe(1);
    expect(await harness.runsOf(spec, 'stage-out')).toBe(1);
  }, 60_000);

  it.each([
    ['exit 4', { cause: 'exited', exitCode: 4 }],
    // What an engine leaves that went away with the worker: nobody can tell whether the model ended by itself.
    ['exit 255', { cause: 'interrupted', exitCode: 255 }],
  ])(
    'is judged by who comes next when its model ended without a worker by %s',
    async (ending, expected) => {
      const spec = await harness.plan({ script: `${UNTIL_GO} ${ending}` });
      const worker = await startWorker(spec);
      await settle(() => containerRuns(spec));
      worker.kill('SIGKILL');
      await once(worker, 'exit');
      await endUnwatched(spec);
      expect(await harness.ended(spec)).toMatchObject(expected);
    },
    60_000,
  );

  it('goes on after its worker closed', async () => {
    const spec = await harness.plan({ script: `${COUNTED} sleep 1; exit 0` });
    const first = makeRunner(harness.folder, harness.platform);
    await first.launch(spec);
    await settle(() => containerRuns(spec));
    await first.close();
    expect(await containerRuns(spec)).toBe(true);
    expect(await harness.ended(spec)).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect(await runs(spec)).toBe(1);
  }, 60_000);

  it('that ended cannot be run again, not even by the engine’s own start', async () => {
    const spec = await harness.plan({ script: `${COUNTED} exit 0` });
    await harness.run(spec);
    await expect(harness.docker.getContainer(`bpi-${spec.jobId}-1`).start()).rejects.toMatchObject({ statusCode: 400 });
    expect(await runs(spec)).toBe(1);
  });

  it('never starts when a stop came before its launch', async () => {
    const spec = await harness.plan({ script: `${COUNTED} exit 0` });
    await harness.runner.stop(task(spec), 'ask');
    expect(await harness.runner.launch(spec)).toMatchObject({ kind: 'launched' });
    // The driver's own verdict: an inspection would settle the stop before the driver had a chance to go wrong.
    await settle(async () => (await readFile(harness.work(spec, 'ended.json')).catch(() => null)) !== null);
    expect(await harness.ended(spec)).toMatchObject({ cause: 'stop_requested', exitCode: null });
    expect(await harness.runsOf(spec, 'stage-in')).toBe(0);
    await expect(runs(spec)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is never seen stopped while its container may still run, whenever the stop comes', async () => {
    const stopped: TaskSpec[] = [];
    for (let afterMs = 0; afterMs <= 360; afterMs += 24) {
      const spec = await harness.plan({ script: 'exec sleep 100' });
      await harness.runner.launch(spec);
      const dueMs = performance.now() + afterMs;
      await settle(async () => performance.now() >= dueMs);
      await harness.runner.stop(task(spec), 'ask');
      expect((await harness.ended(spec)).cause).toBe('stop_requested');
      expect(await containerRuns(spec)).toBe(false);
      stopped.push(spec);
    }
    // Also later: no driver went on behind the answer.
    for (const spec of stopped) expect(await containerRuns(spec)).toBe(false);
  }, 60_000);

  it('that ignores SIGTERM is killed after the grace', async () => {
    const spec = await harness.plan({ script: "trap '' TERM; while :; do sleep 0.1; done" });
    await harness.runner.launch(spec);
    await settle(() => isRunning(spec));
    await harness.runner.stop(task(spec), 'ask');
    expect(await harness.ended(spec)).toMatchObject({ cause: 'stop_requested', exitCode: 137 });
    expect(await harness.runsOf(spec, 'stage-out')).toBe(0);
  });

  it.each(['stageIn', 'stageOut'] as const)('is stopped also while its stager hangs in %s', async (stage) => {
    const spec = await harness.plan({ script: 'exit 0', [stage]: 'hangs' });
    await harness.runner.launch(spec);
    await settle(async () => (await harness.runsOf(spec, stage === 'stageIn' ? 'stage-in' : 'stage-out')) > 0);
    await harness.runner.stop(task(spec), 'ask');
    expect((await harness.ended(spec)).cause).toBe('stop_requested');
  });

  it('survives one crash of each stage', async () => {
    const spec = await harness.plan({ script: 'exit 0', stageIn: 'crashes_once', stageOut: 'crashes_once' });
    const { seen } = await harness.run(spec);
    expect(seen).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect([await harness.runsOf(spec, 'stage-in'), await harness.runsOf(spec, 'stage-out')]).toEqual([2, 2]);
  });

  it.each(['crashes', 'lies'] as const)(
    'is given up when stage-in %s three times, without a container',
    async (stageIn) => {
      const spec = await harness.plan({ script: 'exit 0', stageIn });
      await harness.runner.launch(spec);
      expect(await harness.ended(spec)).toMatchObject({ cause: 'unknown', exitCode: null });
      expect(await harness.runsOf(spec, 'stage-in')).toBe(3);
      await expect(harness.docker.getContainer(`bpi-${spec.jobId}-1`).inspect()).rejects.toMatchObject({
        statusCode: 404,
      });
    },
  );

  it.each(['crashes', 'lies'] as const)(
    'is given up when stage-out %s three times, with its exit code',
    async (stageOut) => {
      const spec = await harness.plan({ script: 'exit 5', stageOut });
      await harness.runner.launch(spec);
      expect(await harness.ended(spec)).toMatchObject({ cause: 'unknown', exitCode: 5 });
      expect(await harness.runsOf(spec, 'stage-out')).toBe(3);
    },
  );

  it('whose stage-in refuses runs no model, and stage-out reports it', async () => {
    const spec = await harness.plan({ script: `${COUNTED} exit 0`, stageIn: 'refuses' });
    const { end } = await harness.run(spec);
    expect(end.cause).toBe('not_started');
    expect(await harness.runsOf(spec, 'stage-out')).toBe(1);
    await expect(runs(spec)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('whose image is gone by the time of its container is reported so', async () => {
    const spec = await harness.plan({ script: 'exit 0' });
    const image = `sha256:${'0'.repeat(64)}`;
    for (const folder of ['inputs', 'outputs']) await mkdir(harness.work(spec, folder), { recursive: true });
    await symlink('.', harness.work(spec, 'gate'));
    const { jobId, epoch, model, pool, shrunk } = spec;
    const file = { schema_version: 1, job_id: jobId, epoch, model, pool, shrunk, image_digest: image };
    await writeFile(harness.work(spec, 'task.json'), JSON.stringify(file));
    expect(await harness.ended(spec)).toMatchObject({ cause: 'image_unavailable', exitCode: null });
    expect(await harness.runsOf(spec, 'stage-out')).toBe(1);
  });

  it('whose container somebody takes away is stopped for a reason unknown', async () => {
    const spec = await harness.plan({ script: 'exec sleep 100' });
    await harness.runner.launch(spec);
    await settle(() => isRunning(spec));
    await harness.docker.getContainer(`bpi-${spec.jobId}-1`).remove({ force: true });
    expect(await harness.ended(spec)).toMatchObject({ cause: 'unknown', exitCode: null });
  });

  it.each([
    ['exit 0', { cause: 'exited', exitCode: 0 }],
    // As an engine leaves them that goes down, or comes back and does not find them.
    ['kill -KILL $$', { cause: 'interrupted', exitCode: 137 }],
    ['exit 255', { cause: 'interrupted', exitCode: 255 }],
  ])('outlives an engine that goes away: its model ends meanwhile by %s', async (ending, expected) => {
    const { engine, runner } = await behindCuttableEngine(`ends-${expected.exitCode}`);
    const spec = await harness.plan({ script: `${UNTIL_GO} ${ending}` });
    await runner.launch(spec);
    await settle(async () => (await runner.inspect(task(spec))).state === 'running');
    await engine.cut();
    await expect(runner.inspect(task(spec))).rejects.toMatchObject({ code: 'engine_unreachable' });
    await endUnwatched(spec);
    await engine.mend();
    await settle(async () => (await runner.inspect(task(spec))).state === 'stopped');
    expect(await runner.inspect(task(spec))).toMatchObject(expected);
  });

  it.each(['start', 'wait'])('remembers an engine that goes away as it answers %s', async (call) => {
    const { engine, runner } = await behindCuttableEngine(call);
    engine.cutAtAnswerTo(new RegExp(`^POST \\S+/${call}`));
    const spec = await harness.plan({ script: `${UNTIL_GO} kill -KILL $$` });
    await runner.launch(spec);
    await settle(() => containerRuns(spec));
    await settle(() => Promise.resolve(!engine.isThere));
    await endUnwatched(spec);
    await engine.mend();
    await settle(async () => (await runner.inspect(task(spec))).state === 'stopped');
    expect(await runner.inspect(task(spec))).toMatchObject({ cause: 'interrupted', exitCode: 137 });
  });

  it('that was to be stopped before any launch is listed like a stopped one, and removed like it', async () => {
    const spec = await harness.plan({ script: 'exit 0' });
    const listed = async () => (await harness.runner.list()).filter(({ jobId }) => jobId === spec.jobId);
    await harness.runner.stop(task(spec), 'ask');
    expect(await listed()).toEqual([{ jobId: spec.jobId, epoch: spec.epoch, ref: expect.any(String), live: false }]);
    await harness.runner.remove(task(spec));
    expect(await listed()).toEqual([]);
    await expect(readFile(harness.work(spec, 'stop'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('cannot be judged while no engine answers', async () => {
    const cut = makeRunner(harness.folder, harness.platform, '/nowhere/docker.sock');
    const spec = await harness.plan({ script: 'exit 0' });
    await expect(cut.launch(spec)).rejects.toMatchObject({ code: 'engine_unreachable' });
    await expect(cut.inspect(task(spec))).rejects.toMatchObject({ code: 'engine_unreachable' });
    await expect(cut.list()).rejects.toMatchObject({ code: 'engine_unreachable' });
    await cut.close();
  });

  it('tells the engine nothing but our own ids', async () => {
    const spec = await harness.plan({ script: 'exit 0' });
    await harness.run(spec);
    const { Name, Config } = await harness.docker.getContainer(`bpi-${spec.jobId}-1`).inspect();
    expect(Name).toBe(`/bpi-${spec.jobId}-1`);
    const ours = Object.fromEntries(
      Object.entries(Config.Labels).filter(([name]) => /^bpi\.(platform|job|epoch)$/.test(name)),
    );
    expect(ours).toEqual({ 'bpi.platform': harness.platform, 'bpi.job': spec.jobId, 'bpi.epoch': '1' });
    expect(JSON.parse(await readFile(harness.work(spec, 'task.json'), 'utf8'))).toMatchObject({ job_id: spec.jobId });
  });
});
