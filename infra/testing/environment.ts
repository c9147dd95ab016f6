import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseStack, type SynthesizedStack } from './synth-construct.ts';

export type Environment = 'dev' | 'prod' | 'bootstrap';

export type Run = { exitCode: number | null; stderr: string; durationMs: number };

const ENVS_DIR = join(import.meta.dirname, '../envs');

export function mainOf(environment: Environment): string {
  return join(ENVS_DIR, environment, 'main.ts');
}

export function stackFileOf(environment: Environment): string {
  return join(ENVS_DIR, environment, 'cdktf.out/stacks', environment, 'cdk.tf.json');
}

/** Runs an environment's main as a user would: plain Node, and nothing on the PATH. */
export function runMain(environment: Environment, env: Readonly<Record<string, string>> = {}): Run {
  const startedMs = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [mainOf(environment)], {
    cwd: '/',
    env: { PATH: '/nowhere', ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { exitCode: status, stderr, durationMs: performance.now() - startedMs };
}

/** The stack that the main of an environment writes. */
export function synthesizedEnvironment(
  environment: Environment,
  env: Readonly<Record<string, string>> = {},
): SynthesizedStack {
  const { exitCode, stderr } = runMain(environment, env);
  if (exitCode !== 0) throw new Error(`${environment} was not synthesized:\n${stderr}`);
  return parseStack(readFileSync(stackFileOf(environment), 'utf8'));
}
