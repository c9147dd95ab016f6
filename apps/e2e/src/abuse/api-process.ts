/** One API in a process of its own, looked at from outside: by its metrics and by the kernel (Linux). */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { freePort } from '@bpi/tools';
import { bareEnvironment, until } from '../harness.ts';

const READY_WITHIN_MS = 60_000;
const KIB = 1024;

export type ApiProcess = {
  port: number;
  pid: number;
  /** MB of 10^6 bytes: now, and the most since `forgetPeak`. */
  memoryMb: () => Promise<{ now: number; peak: number }>;
  forgetPeak: () => Promise<void>;
  openFiles: () => Promise<number>;
  /** p99 of what the event loop was late since the last call. */
  loopLagMs: () => Promise<number>;
  /** Resolves with what it wrote to stdout and stderr. */
  stop: () => Promise<string>;
};

export async function startApiProcess(
  entry: string,
  given: Record<string, string>,
  logPath: string,
): Promise<ApiProcess> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
  const env = { ...bareEnvironment(), PORT: String(port), METRICS_PORT: String(metricsPort), ...given };
  const log = await open(logPath, 'w', 0o600);
  const child = spawn(process.execPath, ['--enable-source-maps', entry], { env, stdio: ['ignore', log.fd, log.fd] });
  await log.close();
  await until(
    () => fetch(`http://127.0.0.1:${port}/health/ready`),
    ({ status }) => status === 200,
    READY_WITHIN_MS,
  );
  const pid = Number(child.pid);
  const about = (name: string) => `/proc/${pid}/${name}`;
  return {
    port,
    pid,
    memoryMb: async () => {
      const status = await readFile(about('status'), 'utf8');
      const field = (name: string) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * KIB) / 1e6;
      return { now: field('VmRSS'), peak: field('VmHWM') };
    },
    forgetPeak: () => writeFile(about('clear_refs'), '5'), // proc(5): 5 resets the peak
    openFiles: async () => (await readdir(about('fd'))).length,
    loopLagMs: async () => {
      const text = await (await fetch(metricsUrl)).text();
      return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)?.[1]) * 1_000;
    },
    stop: async () => {
      await endOf(child);
      return readFile(logPath, 'utf8');
    },
  };
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
