import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCatalogue } from '@bpi/model-files';
import { describe, expect, it } from '@jest/globals';
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
    expect(built).toEqual(expected);
    expect(expected.map(({ name }) => name)).toEqual(expect.arrayContaining([...APPS]));
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
