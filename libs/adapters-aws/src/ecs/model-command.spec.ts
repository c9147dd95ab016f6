import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildModelCommand } from './model-command.ts';

const LOG_BYTES_MAX = 4_096;
const SETTLE = { pollMs: 10, limitMs: 10_000 } as const;

type Ended = { code: number | null; signal: string | null; tookMs: number };

/** Two shells: Debian's (dash) and bash, which is `sh` elsewhere. */
describe.each(['sh', 'bash'])('the command of a model container, by %s', (shell) => {
  let folder: string;
  let child: ChildProcess | null = null;
  const logFile = () => join(folder, "the model's log.txt");

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bpi-model-'));
  });
  afterEach(async () => {
    // The whole group: what a script left behind too.
    if (child?.pid !== undefined) {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nothing of it is left.
      }
    }
    child = null;
    await rm(folder, { recursive: true, force: true });
  });

  async function start(predict: string): Promise<{ child: ChildProcess; ended: Promise<Ended> }> {
    await writeFile(join(folder, 'predict.sh'), predict);
    const [, ...args] = buildModelCommand({
      logFile: logFile(),
      logBytesMax: LOG_BYTES_MAX,
      scratch: folder,
      logGraceS: 1,
    });
    const startedMs = performance.now();
    const started = spawn(shell, args, { cwd: folder, argv0: 'sh', detached: true, stdio: 'ignore' });
    child = started;
    const ended = once(started, 'exit').then(([code, signal]) => ({
      code,
      signal,
      tookMs: performance.now() - startedMs,
    }));
    return { child: started, ended };
  }
  const run = async (predict: string) => (await start(predict)).ended;
  const log = () => readFile(logFile(), 'utf8');

  it.each([0, 1, 10, 13, 127, 137, 255])('ends with the exit code of the model: %i', async (code) => {
    expect(await run(`exit ${code}`)).toMatchObject({ code, signal: null });
  });

  it('ends as a shell says it for a model that a signal killed', async () => {
    expect(await run('kill -KILL $$')).toMatchObject({ code: 137 });
  });

  it('keeps stdout and stderr in the order they came, and leaves no pipe behind', async () => {
    expect(await run('echo one; echo two >&2; echo three; echo four >&2')).toMatchObject({ code: 0 });
    expect(await log()).toBe('one\ntwo\nthree\nfour\n');
    expect((await readdir(folder)).sort()).toEqual(['predict.sh', "the model's log.txt"]);
  });

  it('makes an empty log for a model that says nothing', async () => {
    await run('exit 3');
    expect(await log()).toBe('');
  });

  it('keeps the beginning of a flood of 50 MB, and lets the model go on to its end', async () => {
    const end = await run('yes 0123456789 | head -c 50000000; echo done; exit 7');
    expect(end).toMatchObject({ code: 7 });
    expect((await stat(logFile())).size).toBe(LOG_BYTES_MAX);
    expect((await log()).startsWith('0123456789\n0123456789\n')).toBe(true);
  });

  it('goes on when the log cannot be written', async () => {
    await rm(folder, { recursive: true });
    folder = await mkdtemp(join(tmpdir(), 'bpi-model-'));
    await writeFile(join(folder, 'predict.sh'), 'yes | head -c 1000000; exit 5');
    const command = buildModelCommand({
      logFile: join(folder, 'absent', 'logs.txt'),
      logBytesMax: LOG_BYTES_MAX,
      scratch: folder,
      logGraceS: 1,
    });
    const started = spawn(shell, command.slice(1), { cwd: folder, argv0: 'sh', detached: true, stdio: 'ignore' });
    child = started;
    expect(await once(started, 'exit')).toEqual([5, null]);
  });

  it('hands SIGTERM on, and waits for what the model makes of it', async () => {
    const { child, ended } = await start(
      'trap "echo stopping; sleep 0.3; echo stopped; exit 42" TERM; echo ready; while :; do sleep 0.05; done',
    );
    await until(async () => (await log().catch(() => '')) === 'ready\n');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 42 });
    expect(await log()).toBe('ready\nstopping\nstopped\n');
  });

  it('takes a second SIGTERM without losing the exit code', async () => {
    const { child, ended } = await start(
      'trap "echo again" TERM; echo ready; n=0; while [ $n -lt 20 ]; do n=$((n + 1)); sleep 0.05; done; exit 9',
    );
    await until(async () => (await log().catch(() => '')) === 'ready\n');
    child.kill('SIGTERM');
    await until(async () => (await log()).includes('again'));
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 9 });
  });

  it('ends with 143 when the model does not care for SIGTERM', async () => {
    const { child, ended } = await start('echo ready; exec sleep 60');
    await until(async () => (await log().catch(() => '')) === 'ready\n');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 143 });
  });

  it('does not wait for a process that the model left behind', async () => {
    const end = await run('sleep 30 & echo begun; exit 4');
    expect(end.code).toBe(4);
    expect(end.tookMs).toBeLessThan(10_000);
    expect(await log()).toBe('begun\n');
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + SETTLE.limitMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`the condition did not hold within ${SETTLE.limitMs} ms`);
    await delay(SETTLE.pollMs);
  }
}
