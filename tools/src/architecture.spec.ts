/** Rules about the code as a whole that a reviewer would otherwise have to remember. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { mermaidOfTransitions } from '@bpi/job-contract';
import { z } from 'zod';

const repoRoot = join(import.meta.dirname, '../..');
const git = (...args: string[]) => execFileSync('git', args, { cwd: repoRoot, encoding: 'utf8' });
const tracked = (...patterns: string[]) =>
  git('ls-files', '--cached', '--others', '--exclude-standard', '--', ...patterns)
    .split('\n')
    .filter((path) => path !== '');
const text = (path: string) => readFileSync(join(repoRoot, path), 'utf8');

/** Lines of tracked files that match, as `path:line:text`; none is an empty list, not an error. */
function grep(pattern: string, ...paths: string[]): string[] {
  try {
    const lines = git('grep', '--untracked', '-nIE', pattern, '--', ...paths).split('\n');
    // This file and boundaries.spec.ts hold what they look for; the latter plants it in files of its own while it runs.
    const own = /^tools\/src\/(architecture|boundaries)\.spec\.ts:|\/planted-violation-/;
    return lines.filter((line) => line !== '' && !own.test(line));
  } catch (error) {
    // git says 1 for "no match"; anything else (a checkout it does not trust, a bad pattern) must not pass for that.
    if (error instanceof Error && 'status' in error && error.status === 1) return [];
    throw error;
  }
}

describe('the repository', () => {
  it('tags every project, so that the boundary rule knows it', () => {
    const schema = z.object({ nx: z.object({ tags: z.array(z.string()).min(1) }) });
    const projects = tracked('libs/*/package.json', 'apps/*/package.json', 'tools/package.json', 'infra/package.json');
    expect(projects.length).toBeGreaterThan(8);
    for (const path of projects)
      expect({ path, ok: schema.safeParse(JSON.parse(text(path))).success }).toEqual({ path, ok: true });
  });

  it('shows the life of a job in the README as the contract has it', () => {
    expect(text('README.md')).toContain(mermaidOfTransitions());
  });

  it('keeps the fakes out of everything that runs', () => {
    const users = grep("from '@bpi/adapters-memory'", '*.ts').map((line) => line.split('/').slice(0, 2).join('/'));
    const allowed = ['libs/port-conformance', 'libs/protocol-check', 'libs/simulation'];
    expect([...new Set(users)].filter((place) => !allowed.includes(place))).toEqual([]);
  });

  it('keeps the failpoints in tests', () => {
    const users = grep("from '@bpi/jobs/testing'", '*.ts').map((line) => line.split(':')[0] ?? '');
    expect(users.length).toBeGreaterThan(0);
    expect(users.filter((path) => !/(\/testing\/.*|\.spec)\.ts$/.test(path))).toEqual([]);
  });

  it('reads the environment in a main, a tool or a test only', () => {
    const readers = grep('process\\.env', 'apps/*/src/**/*.ts', 'libs/**/*.ts', 'infra/**/*.ts').map(
      (line) => line.split(':')[0] ?? '',
    );
    const allowed =
      /(main[.\w]*\.ts|infra\/commands\/command-context\.ts|\.spec\.ts|apps\/e2e\/src\/harness\.ts|\/testing\/.*\.ts)$/;
    expect(readers.filter((path) => !allowed.test(path))).toEqual([]);
  });

  it('mocks no module and skips no test', () => {
    const forbidden =
      '(jest\\.(mock|unstable_mockModule|spyOn|fn)\\(|\\b(it|test|describe)\\.(skip|only|todo)\\b|\\bx(it|describe)\\()';
    expect(grep(forbidden, '*.spec.ts', '*.conformance.ts')).toEqual([]);
  });

  it('uses Nest in the API only', () => {
    const users = grep("from '@nestjs/", '*.ts').map((line) => line.split('/').slice(0, 2).join('/'));
    expect([...new Set(users)]).toEqual(['apps/api']);
  });

  it('holds no data, no weights and no build output', () => {
    const unwanted = /\.(npz|npy|nii|nii\.gz|onnx|h5|pt|ckpt|dcm|db)$|(^|\/)(dist|node_modules|data|results)\//;
    expect(tracked().filter((path) => unwanted.test(path))).toEqual([]);
  });

  it('pins every dependency exactly', () => {
    const schema = z.object({
      dependencies: z.record(z.string(), z.string()).default({}),
      devDependencies: z.record(z.string(), z.string()).default({}),
    });
    for (const path of tracked('package.json', '*/package.json')) {
      const { dependencies, devDependencies } = schema.parse(JSON.parse(text(path)));
      for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
        expect(`${path} ${name} ${version}`).toMatch(/ \d+\.\d+\.\d+$/);
      }
    }
  });

  it('stays above the versions that fixed known holes', () => {
    const lock = z
      .object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) })
      .parse(JSON.parse(text('package-lock.json')));
    const floors = { multer: '2.5.0', yauzl: '3.2.1', '@nestjs/core': '12.5.0' };
    for (const [name, floor] of Object.entries(floors)) {
      const version = lock.packages[`node_modules/${name}`]?.version ?? '0.0.0';
      expect(`${name} ${version}`).toBe(
        version.localeCompare(floor, 'en', { numeric: true }) >= 0 ? `${name} ${version}` : `${name} at least ${floor}`,
      );
    }
  });
});
