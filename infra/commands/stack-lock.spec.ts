import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { MemoryDevAccount } from '../testing/memory-dev-account.ts';
import { bootstrapAccount } from './bootstrap-account.ts';
import { destroyDev } from './destroy-dev.ts';
import { deployEnvironment, planEnvironment } from './plan-and-deploy.ts';
import type { Stack } from './stack-folders.ts';
import { whileHolding } from './stack-lock.ts';

let harness: CommandHarness;
beforeEach(async () => {
  harness = await CommandHarness.make();
});
afterEach(() => harness.remove());

const findCredentials = async () => true;
const deploy = () => deployEnvironment(harness.context, findCredentials, { environment: 'dev', approval: 'given' });
const heldBy = async (text: string) => {
  await mkdir(harness.path('data/dev'), { recursive: true });
  await writeFile(harness.path('data/dev/process'), text);
};
const kept = () => readdir(harness.path('data/dev'));
/** Of a process that ran, and does no more. */
const goneProcess = () => spawnSync(process.execPath, ['-e', '']).pid;

const COMMANDS: Record<string, { stack: Stack; run: () => Promise<void> }> = {
  plan: {
    stack: 'prod',
    run: () => {
      const request = { environment: 'prod', lock: 'none', shown: 'all', textFile: null } as const;
      return planEnvironment(harness.context, findCredentials, request);
    },
  },
  deploy: { stack: 'dev', run: deploy },
  destroy: {
    stack: 'dev',
    run: () =>
      destroyDev(harness.context, {
        confirmation: 'dev',
        findCredentials,
        openAccount: () => new MemoryDevAccount({}),
        patience: { pollMs: 1, tasksMs: 1, machinesMs: 1 },
      }),
  },
  bootstrap: {
    stack: 'bootstrap',
    run: () => bootstrapAccount(harness.context, { findCredentials, approval: 'given', losses: 'refused' }),
  },
};

describe('a stack that somebody works on', () => {
  it.each(Object.keys(COMMANDS))('is not touched by %s, which names the process', async (name) => {
    const command = COMMANDS[name];
    if (command === undefined) throw new Error(`no command ${name}`);
    await whileHolding(harness.context, command.stack, async () => {
      const holder = harness.path('data', command.stack, 'process');
      await expect(command.run()).rejects.toThrow(
        new RegExp(`^Process ${process.pid} works on ${command.stack} .* remove ${holder}\\.$`),
      );
      expect(await harness.text('data', command.stack, 'process')).toBe(`${process.pid}\n`);
    });
    expect(await harness.standIn.steps()).toEqual(['terraform version']);
  });

  it('does not keep others from another stack', async () => {
    await whileHolding(harness.context, 'prod', deploy);
    expect(await harness.standIn.steps()).toContain('terraform apply');
  });
});

describe('a stack', () => {
  it('is free again when the work has ended, well or not', async () => {
    await deploy();
    expect(await kept()).toEqual([]);
    await harness.standIn.answer({ when: 'terraform plan', exitCode: 3 });
    await expect(deploy()).rejects.toMatchObject({ exitCode: 3 });
    expect(await kept()).toEqual([]);
  });

  it.each(['a process that is gone', 'nothing that is a number'])('is taken over from %s', async (what) => {
    await heldBy(what === 'a process that is gone' ? `${goneProcess()}\n` : 'x');
    await deploy();
    expect(await harness.standIn.steps()).toContain('terraform apply');
    expect(await kept()).toEqual([]);
  });

  it('is taken over by one of several', async () => {
    await heldBy(`${goneProcess()}\n`);
    let working = 0;
    let together = 0;
    const work = async () => {
      working += 1;
      together = Math.max(together, working);
      await harness.standIn.steps();
      working -= 1;
    };
    await Promise.allSettled(Array.from({ length: 8 }, () => whileHolding(harness.context, 'dev', work)));
    expect(together).toBe(1);
    expect(await kept()).toEqual([]);
  });
});
