import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { readCatalogue } from '@bpi/model-files';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { APPS } from '../docker/app-image-bundle.ts';

const repoRoot = join(import.meta.dirname, '../../..');
const folder = join(repoRoot, '.github/workflows');
const workflows = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
const textOf = (name: string) => workflows.find((workflow) => workflow.name === name)?.text ?? '';

/** Jobs by name, as text without comments: two spaces deep is how a job begins. */
function jobsOf(text: string): { job: string; body: string }[] {
  const plain = text.replace(/^ *#.*\n/gm, '').split(/^jobs:\n/m)[1] ?? '';
  return plain
    .split(/^(?= {2}[a-z-]+:\n)/m)
    .filter((body) => body.trim() !== '')
    .map((body) => ({ job: body.trim().split(':')[0] ?? '', body }));
}

const jobs = workflows.flatMap(({ name, text }) => jobsOf(text).map((job) => ({ workflow: name, ...job })));
const bodyOf = (workflow: string, name: string) =>
  jobs.find((each) => each.workflow === workflow && each.job === name)?.body ?? '';
const conditionOf = (body: string) => /^ {4}if: (.*)$/m.exec(body)?.[1] ?? '';
const withToken = jobs.filter(({ body }) => body.includes('id-token: write'));

describe('the workflows', () => {
  it('are these, with these jobs', () => {
    expect(jobs.map(({ workflow, job }) => `${workflow} ${job}`).sort()).toEqual([
      'ci.yml test',
      'images.yml merge',
      'images.yml push',
      'terraform-apply.yml approve',
      'terraform-apply.yml dev',
      'terraform-apply.yml images',
      'terraform-apply.yml prod',
      'terraform-apply.yml test',
      'terraform-destroy.yml destroy-dev',
      'terraform-plan.yml comment',
      'terraform-plan.yml plan',
    ]);
  });

  it.each(workflows)('$name gives nothing by default and pins every action by its commit', ({ text }) => {
    expect(text).toMatch(/^permissions: \{\}$/m);
    const uses = [...text.matchAll(/uses: (.*)/g)].map(([, what = '']) => what);
    for (const what of uses) expect(what).toMatch(/^(\.\/\.github\/workflows\/|[a-z-]+\/[a-z-]+@[0-9a-f]{40} # v\d)/);
  });

  it.each(workflows)('$name has no key of AWS, takes no secret and leaves no credentials in a checkout', ({ text }) => {
    expect(text).not.toMatch(/secrets[.:]|AWS_(ACCESS|SECRET)/);
    expect(text.match(/persist-credentials: false/g) ?? []).toHaveLength(
      text.match(/actions\/checkout@/g)?.length ?? 0,
    );
  });

  it.each(jobs)('$workflow $job has its permissions, and a time limit unless it calls another', ({ body }) => {
    expect(body).toMatch(/^ {4}permissions:/m);
    if (!/^ {4}uses:/m.test(body)) expect(body).toMatch(/^ {4}timeout-minutes: \d+$/m);
  });

  it('send the branch as their subject: no job that gets a token has an environment', () => {
    expect(withToken.map(({ job }) => job).sort()).toEqual(['destroy-dev', 'dev', 'images', 'plan', 'prod', 'push']);
    for (const { body } of withToken) expect(body).not.toMatch(/^ {4}environment:/m);
  });

  it('write to a pull request only where nothing of it runs', () => {
    const writers = jobs.filter(({ body }) => body.includes('pull-requests: write'));
    expect(writers.map(({ job }) => job)).toEqual(['comment']);
    expect(writers[0]?.body).not.toMatch(/checkout|npm|id-token/);
  });

  it('build every image there is, each on its own processor', async () => {
    const lists = [...textOf('images.yml').matchAll(/processor: (\w+), runner: ([\w.-]+), images: ([^}]+) \}/g)];
    const built = lists.flatMap(([, processor, runner, names = '']) =>
      names.split(' ').map((name) => ({ name, processor, runner })),
    );
    const arm64 = (name: string) => ({ name, processor: 'arm64', runner: 'ubuntu-24.04-arm' });
    const amd64 = (name: string) => ({ name, processor: 'amd64', runner: 'ubuntu-24.04' });
    const models = await readCatalogue([join(repoRoot, 'apps/models')]);
    const expected = [arm64('api'), arm64('worker'), amd64('stager'), ...models.map(({ name }) => amd64(name))];
    const byName = (one: { name: string }, other: { name: string }) => one.name.localeCompare(other.name);
    expect(built.sort(byName)).toEqual([...expected].sort(byName));
    expect(expected.map(({ name }) => name)).toEqual(expect.arrayContaining([...APPS]));
  });

  it('test with the command that a human uses, and give it time', () => {
    const body = bodyOf('ci.yml', 'test');
    expect([...body.matchAll(/run: (.*)/g)].map(([, command]) => command)).toEqual([
      'sudo env "PATH=$PATH" ./tools/test', // root, for the scenario that restarts an engine of its own
    ]);
    // The README's quarter of an hour is on two cores with the images there; a fresh machine fetches them first.
    expect(Number(/timeout-minutes: (\d+)/.exec(body)?.[1])).toBeGreaterThanOrEqual(45);
  });

  it('deploy every push to main, and main by hand', () => {
    const text = textOf('terraform-apply.yml');
    expect(text).toMatch(/^on:\n {2}push:\n {4}branches: \[main\]\n(?: *#.*\n)* {2}workflow_dispatch:\n\n/m);
    // A commit that starts no run would stop the one before it, which is no longer the newest.
    expect(text).not.toContain('paths');
    for (const job of ['images', 'dev', 'approve', 'prod']) {
      expect(conditionOf(bodyOf('terraform-apply.yml', job)).split(' && ')).toContain(
        "github.ref == 'refs/heads/main'",
      );
    }
  });

  it('touch prod only where a variable says so', () => {
    for (const job of ['approve', 'prod']) {
      expect(conditionOf(bodyOf('terraform-apply.yml', job)).split(' && ')).toContain("vars.DEPLOY_PROD == 'true'");
    }
    const others = jobs.filter(({ job }) => job !== 'approve' && job !== 'prod');
    for (const { body } of others) expect(body).not.toMatch(/DEPLOY_PROD|-prod/);
  });

  it('give Terraform more time than a session of its role lasts', () => {
    const changing = jobs.filter(({ body }) => /infra:(deploy|destroy)-/.test(body));
    expect(changing.map(({ job }) => job).sort()).toEqual(['destroy-dev', 'dev', 'prod']);
    for (const { body } of changing) expect(body).toMatch(/^ {4}timeout-minutes: 90$/m);
    for (const { text } of workflows) expect(text).not.toMatch(/role-duration-seconds:/); // an hour without it
  });

  it('show no value of a plan', () => {
    const plans = workflows.flatMap(({ text }) => text.match(/infra:plan-.*/g) ?? []);
    expect(plans).toEqual(['infra:plan-dev -- --no-lock --quiet --text="$RUNNER_TEMP/plan.txt"']);
    // Of the files that this job writes only the summary goes anywhere.
    const paths = [...bodyOf('terraform-plan.yml', 'plan').matchAll(/^ {10}path: (.*)$/gm)].map(([, path]) => path);
    expect(paths).toEqual(['${{ runner.temp }}/summary.txt']);
  });

  it('deploy prod only after dev and an approval, and let only one deployment or destruction of dev run', () => {
    const needs = (job: string) => /needs: (\w+)/.exec(jobs.find((each) => each.job === job)?.body ?? '')?.[1];
    expect(['images', 'dev', 'approve', 'prod'].map(needs)).toEqual(['test', 'images', 'dev', 'approve']);
    const approve = jobs.find(({ job }) => job === 'approve')?.body;
    expect(approve).toMatch(/^ {4}environment: prod$/m);
    expect(approve).toMatch(/^ {4}permissions: \{\}$/m);
    expect(jobs.find(({ job }) => job === 'dev')?.body).toContain('group: terraform-dev');
    expect(textOf('terraform-destroy.yml')).toContain('group: terraform-dev');
  });

  it('destroy dev alone, on main, by a name that never becomes part of a script', () => {
    const text = textOf('terraform-destroy.yml');
    expect(text).toContain("if: github.ref == 'refs/heads/main'");
    expect(text).toMatch(/CONFIRM: \$\{\{ inputs\.confirm \}\}/);
    expect(text.match(/\$\{\{ *inputs/g)).toHaveLength(1);
    expect(text.match(/infra:[a-z-]+/g)).toEqual(['infra:destroy-dev']);
  });
});

describe('a step’s script', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'workflow-step-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** The script of the step with this name, without its indentation. */
  function scriptOf(body: string, name: string): string {
    const [, block = ''] = body.split(`- name: ${name}\n`);
    return (/ {8}run: \|\n((?: {10}.*\n)+)/.exec(block)?.[1] ?? '').replace(/^ {10}/gm, '');
  }

  /** As GitHub runs it where no `shell:` is named. */
  function run(script: string, env: Readonly<Record<string, string>> = {}) {
    writeFileSync(join(folder, 'script'), script);
    const path = [folder, process.env['PATH'] ?? ''].join(delimiter);
    return spawnSync('bash', ['-e', join(folder, 'script')], {
      env: { PATH: path, RUNNER_TEMP: folder, ...env },
      encoding: 'utf8',
      timeout: 10_000,
    });
  }

  describe.each(['dev', 'prod'])('that looks for the newest commit, before %s is deployed,', (job) => {
    const body = bodyOf('terraform-apply.yml', job);
    const ours = 'a'.repeat(40);
    const newest = (gh: string) => {
      writeFileSync(join(folder, 'gh'), `#!/bin/sh\n${gh}\n`, { mode: 0o755 });
      return run(scriptOf(body, 'Newest commit of main'), { GITHUB_SHA: ours, GITHUB_REPOSITORY: 'example/platform' });
    };

    it('comes before all else', () => {
      expect(/^ {6}- (.*)$/m.exec(body)?.[1]).toBe('name: Newest commit of main');
    });

    it('lets it pass', () => {
      const gh = `[ "$*" = 'api repos/example/platform/git/ref/heads/main --jq .object.sha' ] && echo ${ours}`;
      expect(newest(gh)).toMatchObject({ status: 0, stderr: '' });
    });

    it.each([`echo ${'b'.repeat(40)}`, 'exit 0', 'exit 4'])('stops an older one, or one not known, at: %s', (gh) => {
      expect(newest(gh).status).not.toBe(0);
    });
  });

  describe('that takes names and counts from a plan', () => {
    const script = scriptOf(bodyOf('terraform-plan.yml', 'plan'), 'Names and counts only');
    const summarize = (plan: string) => {
      writeFileSync(join(folder, 'plan.txt'), plan);
      const { status, stderr } = run(script);
      const file = join(folder, 'summary.txt');
      return { status, stderr, summary: existsSync(file) ? readFileSync(file, 'utf8') : null };
    };
    const change =
      '  # aws_vpc.network will be created\n  + resource "aws_vpc" "network" {\n      + name = "value"\n    }\n';

    it.each([
      [
        'changes',
        `\n${change}\nPlan: 1 to add, 0 to change, 0 to destroy.\n\nChanges to Outputs:\n  + url = "value"\n`,
        'Plan: 1 to add, 0 to change, 0 to destroy.\nChanges to Outputs:\n  # aws_vpc.network will be created\n',
      ],
      ['outputs only', '\nChanges to Outputs:\n  ~ url = "value" -> "other"\n', 'Changes to Outputs:\n'],
      ['nothing', '\nNo changes. Your infrastructure matches.\n', 'No changes. Your infrastructure matches.\n'],
    ])('of %s', (_, plan, summary) => {
      expect(summarize(plan)).toMatchObject({ status: 0, stderr: '', summary });
    });

    it.each(['', change])('fails where none is, as in %j', (plan) => {
      const { status, stderr } = summarize(plan);
      expect(status).toBe(1);
      expect(stderr).toContain('does not say what comes of it');
    });

    it('keeps the counts of a plan that is too long', () => {
      const { summary } = summarize(`${change.repeat(5_000)}Plan: 5000 to add.\n`);
      expect(summary?.startsWith('Plan: 5000 to add.\n')).toBe(true);
      expect(summary?.length).toBeLessThan(60_000);
    });
  });
});
