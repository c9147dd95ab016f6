import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { parseRequest, runTerraformCommand } from './terraform-command.ts';

const parse = (line: string) => parseRequest(line.split(' '));

describe('the command line', () => {
  it.each([
    ['plan dev', { command: 'plan', environment: 'dev', lock: 'held', shown: 'all', textFile: null }],
    [
      'plan prod --no-lock --quiet --text /tmp/t',
      { command: 'plan', environment: 'prod', lock: 'none', shown: 'errors', textFile: '/tmp/t' },
    ],
    ['deploy prod', { command: 'deploy', environment: 'prod', isApproved: false }],
    ['deploy dev --approve', { command: 'deploy', environment: 'dev', isApproved: true }],
    ['destroy dev', { command: 'destroy', confirmation: null }],
    ['destroy dev --confirm dev', { command: 'destroy', confirmation: 'dev' }],
  ])('%s', (line, request) => {
    expect(parse(line)).toEqual(request);
  });

  it.each([
    '',
    'plan',
    'plan staging',
    'deploy dev prod',
    'deploy dev --confirm dev',
    'deploy dev --quiet',
    'plan dev --nothing',
    'apply dev',
  ])('shows how it goes for: %s', (line) => {
    expect(() => parse(line)).toThrow('usage: ');
  });

  it.each(['destroy prod', 'destroy prod --confirm prod'])('refuses %s by name', (line) => {
    expect(() => parse(line)).toThrow('prod is not destroyed by a command');
  });
});

describe('what changes an environment', () => {
  const KEYS = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };
  const before = Object.keys(KEYS).map((name) => [name, process.env[name]] as const);
  let harness: CommandHarness;
  beforeEach(async () => {
    harness = await CommandHarness.make();
    Object.assign(process.env, KEYS);
  });
  afterEach(async () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await harness.remove();
  });
  const run = (line: string) => runTerraformCommand(harness.context, line.split(' '));

  it('is a destruction that asks for the name where none was given', async () => {
    harness.typed = ['yes'];
    await expect(run('destroy dev')).rejects.toThrow('Nothing was destroyed');
    expect(harness.asked).toEqual([expect.stringContaining('Its name (dev)')]);
    expect(await harness.standIn.steps()).toEqual([]);
  });

  it('is a destruction that CI was not told of', async () => {
    harness.env['CI'] = 'true';
    await expect(run('destroy dev')).rejects.toThrow('Nothing was destroyed');
    expect(await harness.standIn.steps()).toEqual([]);
  });

  it.each(['deploy dev', 'deploy prod'])('is `%s`, which asks at a terminal', async (line) => {
    harness.typed = ['no'];
    await expect(run(line)).rejects.toThrow('Nothing was changed');
    expect(harness.asked).toHaveLength(1);
    expect(await harness.standIn.steps()).not.toContain('terraform apply');
  });

  it.each([
    ['deploy dev --approve', {}],
    ['deploy dev', { CI: 'true' }],
  ])('is `%s` with %j, which does not ask', async (line, env) => {
    Object.assign(harness.env, env);
    await run(line);
    expect(harness.asked).toEqual([]);
    expect(await harness.standIn.steps()).toContain('terraform apply');
  });
});
