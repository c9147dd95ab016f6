import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { NOT_FOUND } from './programs.ts';

let harness: CommandHarness;
/** Must not outlive a test that fails. */
let command: ChildProcess | null = null;
beforeEach(async () => {
  harness = await CommandHarness.make();
});
afterEach(async () => {
  command?.kill('SIGKILL');
  command = null;
  await harness.remove();
});

const DEADLINE_MS = 20_000;

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error('it did not come to pass');
    await new Promise((done) => setTimeout(done, 20));
  }
}

describe('a program', () => {
  it('that is not there has the code a shell gives', async () => {
    const call = { program: 'no-such-program', args: [], cwd: harness.repoRoot, timeoutMs: 1_000 };
    expect(await harness.programs.read(call)).toMatchObject({ exitCode: NOT_FOUND });
  });

  it('that takes too long is ended', async () => {
    await harness.standIn.answer({ when: 'git', hangs: true });
    const call = { program: 'git', args: [], cwd: harness.repoRoot, timeoutMs: 300 };
    const startedMs = performance.now();
    await harness.programs.read(call);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});

describe('the output of a program', () => {
  it.each([
    ['all', 'a plan\n'],
    ['errors', ''],
  ])(
    'goes where ours goes: %s',
    async (shown, stdout) => {
      await harness.standIn.answer({ when: 'terraform plan', exitCode: 3, stdout: 'a plan\n', stderr: 'an error\n' });
      const program = `
      import { Programs } from ${JSON.stringify(`${import.meta.dirname}/programs.ts`)};
      const call = { program: 'terraform', args: ['plan'], cwd: ${JSON.stringify(harness.repoRoot)} };
      const { exitCode, stderr } = await new Programs(process.env).show(call, ${JSON.stringify(shown)});
      process.exitCode = stderr === 'an error\\n' ? exitCode : 1;`;
      const answer = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
        env: harness.env,
        encoding: 'utf8',
        timeout: DEADLINE_MS,
      });
      expect(answer).toMatchObject({ status: 3, stdout, stderr: 'an error\n' });
    },
    30_000,
  );
});

describe('a command that is told to end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s hands it on, waits for Terraform, and starts nothing further',
    async (signal) => {
      await harness.standIn.answer({ when: 'terraform plan', hangs: true });
      const steps = () => harness.standIn.steps();
      const program = `
        import { runCommand } from ${JSON.stringify(`${import.meta.dirname}/command-context.ts`)};
        import { deployEnvironment } from ${JSON.stringify(`${import.meta.dirname}/plan-and-deploy.ts`)};
        await runCommand(${JSON.stringify(harness.repoRoot)}, (context) =>
          deployEnvironment(context, async () => true, { environment: 'dev', approval: 'given' }));`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        cwd: harness.repoRoot,
        env: harness.env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      command = child;
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      await until(async () => (await steps()).includes('terraform plan'));
      child.kill(signal);
      const [code] = await once(child, 'close');
      expect({ code, stderr }).toEqual({
        code: signal === 'SIGTERM' ? 143 : 130,
        stderr: `Ended by ${signal}: nothing further was started.\n`,
      });
      expect((await steps()).slice(-2)).toEqual(['terraform plan', 'terraform ended']);
      // With what is to be applied, who works on the stack is forgotten.
      expect(await readdir(harness.path('data/infra/dev'))).toEqual([]);
    },
    30_000,
  );
});
