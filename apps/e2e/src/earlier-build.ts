/** Earlier commits of this repository, built with the packages that are installed now. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repoRoot } from './harness.ts';

const run = promisify(execFile);
const PACKAGES = 'node_modules';
/** Of npm's workspaces: links into the repository itself. */
const OWN_SCOPE = '@bpi';
const BUILD_TIMEOUT_MS = 120_000;

export type EarlierBuild = {
  /** A repository's root with its `dist`. */
  root: string;
  remove: () => Promise<void>;
};

/** The commit's full id, or null where it is not at hand: a shallow clone, or no repository at all. */
export async function commitOf(revision: string): Promise<string | null> {
  const args = ['-C', repoRoot, 'rev-parse', '--verify', '--quiet', `${revision}^{commit}`];
  return run('git', args).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}

export async function buildCommit(commit: string): Promise<EarlierBuild> {
  const root = await mkdtemp(join(tmpdir(), 'bpi-e2e-earlier-'));
  try {
    const archive = join(root, 'sources.tar');
    await run('git', ['-C', repoRoot, 'archive', '--format=tar', `--output=${archive}`, commit]);
    await run('tar', ['-xf', archive, '-C', root]);
    await linkPackages(root);
    await run(process.execPath, ['tools/src/build.ts'], { cwd: root, timeout: BUILD_TIMEOUT_MS });
  } catch (error) {
    await rm(root, { recursive: true });
    throw error;
  }
  return { root, remove: () => rm(root, { recursive: true }) };
}

/** Those of others are the installed ones; its own lead into its own sources, as npm's relative links do. */
async function linkPackages(root: string): Promise<void> {
  const installed = join(repoRoot, PACKAGES);
  await mkdir(join(root, PACKAGES, OWN_SCOPE), { recursive: true });
  for (const name of await readdir(installed)) {
    if (name !== OWN_SCOPE) await symlink(join(installed, name), join(root, PACKAGES, name));
  }
  for (const name of await readdir(join(installed, OWN_SCOPE))) {
    await symlink(await readlink(join(installed, OWN_SCOPE, name)), join(root, PACKAGES, OWN_SCOPE, name));
  }
}
