import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { MemoryDevAccount } from '../testing/memory-dev-account.ts';
import { type DestroyRequest, destroyDev } from './destroy-dev.ts';

const PATIENCE = { pollMs: 1, tasksMs: 2_000, machinesMs: 2_000 };

let harness: CommandHarness;
let account: MemoryDevAccount;
beforeEach(async () => {
  harness = await CommandHarness.make();
  account = new MemoryDevAccount({
    services: ['bpi-dev-api', 'bpi-dev-worker'],
    running: ['task-1', 'task-2'],
    machines: { 'bpi-dev-gpu-spot': 1, 'bpi-dev-gpu-on-demand': 0 },
    table: 'protected',
    families: ['bpi-dev-brain-mri', 'bpi-dev-api', 'bpi-development'],
  });
});
afterEach(() => harness.remove());

function destroy(request: Partial<DestroyRequest> = {}): Promise<void> {
  return destroyDev(harness.context, {
    confirmation: 'dev',
    findCredentials: async () => true,
    openAccount: () => account,
    patience: PATIENCE,
    ...request,
  });
}

describe('destroying dev', () => {
  it('empties the account first, the worker before all, and lets Terraform have the rest', async () => {
    const seen: string[][] = [];
    let pending: Promise<void> = Promise.resolve();
    account.onStep = () => {
      pending = pending.then(async () => void seen.push(await harness.standIn.steps()));
    };
    await destroy();
    await pending;
    expect(account.steps).toEqual([
      'stop service bpi-dev-worker',
      'stop service bpi-dev-api',
      'stop task task-1',
      'stop task task-2',
      'close group bpi-dev-gpu-spot',
      'close group bpi-dev-gpu-on-demand',
      'release machines bpi-dev-gpu-spot',
      'release machines bpi-dev-gpu-on-demand',
      'release machines bpi-dev-gpu-spot',
      'release machines bpi-dev-gpu-on-demand',
      'unprotect table bpi-dev-jobs',
      'delete task definitions bpi-dev-brain-mri',
      'delete task definitions bpi-dev-api',
    ]);
    expect(await harness.standIn.steps()).toEqual([
      'terraform version',
      'terraform init',
      'terraform plan',
      'terraform apply',
      'terraform state',
    ]);
    expect(seen[0]).toEqual(['terraform version', 'terraform init']);
  });

  it('has planned and applied nothing before the account is empty', async () => {
    account.stopPolls = Infinity;
    await expect(destroy({ patience: { ...PATIENCE, tasksMs: 20 } })).rejects.toThrow(
      'After 1 min there are still tasks in bpi-dev-cluster (2): ',
    );
    expect(await harness.standIn.steps()).toEqual(['terraform version', 'terraform init']);
  });

  it('applies the plan of a destruction that it made', async () => {
    await destroy();
    const [, , plan, apply] = await harness.standIn.calls();
    expect(plan?.args).toEqual(expect.arrayContaining(['plan', '-destroy']));
    expect(apply?.file).toMatch(/terraform plan -input=false -destroy/);
  });

  it('works in the region of the stack', async () => {
    const regions: string[] = [];
    await destroy({
      openAccount: (region) => {
        regions.push(region);
        return account;
      },
    });
    expect(regions).toEqual(['eu-central-1']);
  });

  it('goes through where nothing is there any more', async () => {
    account = new MemoryDevAccount({});
    await harness.standIn.answer({ when: 'terraform state list', exitCode: 1, stderr: 'No state file was found!' });
    await destroy();
    expect(harness.said.at(-1)).toBe('nothing of dev is left in the state');
  });

  it('needs no images', async () => {
    delete harness.env['IMAGE_DIGESTS'];
    await destroy();
    expect(harness.said.at(-1)).toBe('nothing of dev is left in the state');
  });

  it('stops what a worker started on its way out', async () => {
    account.lateTasks = ['task-late'];
    await destroy();
    expect(account.steps).toContain('stop task task-late');
  });

  it('says which machines do not end, and leaves the capacity providers to let them go', async () => {
    account.stuckGroups.add('bpi-dev-gpu-spot');
    await expect(destroy({ patience: { ...PATIENCE, machinesMs: 20 } })).rejects.toThrow(
      'there are still machines in bpi-dev-gpu-spot and bpi-dev-gpu-on-demand (1): ',
    );
    expect(await harness.standIn.steps()).not.toContain('terraform plan');
  });

  it('says what is left', async () => {
    await harness.standIn.answer({ when: 'terraform state list', stdout: 'aws_vpc.network\naws_subnet.a\n' });
    await expect(destroy()).rejects.toThrow('Still there: aws_vpc.network, aws_subnet.a. Run');
  });

  it('says what AWS refused', async () => {
    account.onStep = () => {
      throw Object.assign(new Error('not authorized to perform ecs:UpdateService'), { name: 'AccessDeniedException' });
    };
    await expect(destroy()).rejects.toThrow(
      /^AWS did not do it \(AccessDeniedException: not authorized.*`npx nx run infra:destroy-dev` again/,
    );
  });

  it.each(['init', 'plan', 'apply'])('stops where %s fails, with its exit code', async (step) => {
    await harness.standIn.answer({ when: `terraform ${step}`, exitCode: 5 });
    await expect(destroy()).rejects.toMatchObject({ exitCode: 5 });
    expect((await harness.standIn.steps()).at(-1)).toBe(`terraform ${step}`);
  });

  it('stops between two steps when it is told to end', async () => {
    account.stopPolls = Infinity;
    account.onStep = (step) => {
      if (step === 'stop task task-1') harness.programs.end('SIGTERM', 'us alone');
    };
    await expect(destroy({ patience: { pollMs: 60_000, tasksMs: 60_000, machinesMs: 1 } })).rejects.toMatchObject({
      exitCode: 143,
    });
    expect(account.steps).not.toContain('close group bpi-dev-gpu-spot');
  });
});

describe('the confirmation', () => {
  it('may be typed', async () => {
    harness.typed = ['dev'];
    await destroy({ confirmation: null });
    expect(account.steps).toContain('stop service bpi-dev-worker');
  });

  it.each([
    [null, ['yes']],
    [null, ['']],
    [null, null],
    ['', ['dev']],
    ['prod', ['dev']],
    ['DEV', null],
  ])('%j, with %j typed, does nothing at all', async (confirmation, typed) => {
    harness.typed = typed;
    await expect(destroy({ confirmation })).rejects.toThrow('Nothing was destroyed');
    expect(await harness.standIn.steps()).toEqual([]);
    expect(account.steps).toEqual([]);
  });
});
