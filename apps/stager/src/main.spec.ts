import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { TASK_ENV } from './testing/task-env.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

type Ended = { code: number | string; stdout: string; stderr: string };

/** The program with this environment and nothing else. */
async function run(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  return new Promise((settle) => {
    execFile(process.execPath, [MAIN, ...args], { env, timeout: 25_000 }, (error, stdout, stderr) =>
      settle({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

describe('the stager’s program in a task', () => {
  it('says in one sentence per variable what it misses, and ends before it does anything', async () => {
    const { code, stdout, stderr } = await run(['stage-out'], {});
    expect(code).toBe(1);
    const sentences = stderr.trim().split('\n');
    expect(sentences.map((sentence) => sentence.split(' ')[0]).sort()).toEqual(Object.keys(TASK_ENV).sort());
    expect(JSON.parse(stdout)).toMatchObject({
      event: 'service.failed',
      service: 'stager',
      errorName: 'taskconfigerror',
    });
  });

  it('refuses one wrong variable without repeating it', async () => {
    const { code, stdout, stderr } = await run(['stage-in'], { ...TASK_ENV, JOB_ATTEMPT: 'canary' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^JOB_ATTEMPT is not valid .*\.\n$/);
    expect(stdout + stderr).not.toContain('canary');
  });

  it.each([[[]], [['stage-in', 'stage-out']], [['--spare']]])('answers %j with its usage', async (args) => {
    const { code, stderr } = await run(args, { ...TASK_ENV });
    expect([code, stderr]).toEqual([2, 'usage: stager stage-in|stage-out\n']);
  });
});
