import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unlessMissing } from '@bpi/model-files';
import type { App } from '@bpi/tools';
import { z } from 'zod';
import { Buildx } from './buildx.ts';
import type { CommandContext } from './command-context.ts';
import { repositoryName } from '../constructs/account/image-registry.ts';
import { imageNames, readModels } from '../platform/catalogue.ts';
import { CommandError } from './command-error.ts';
import { imagesToPush } from './images-to-push.ts';
import { preflight, variableIsSet } from './preflight.ts';

const GIT_MS_MAX = 30_000;

export type PushRequest = {
  /** None = all. */
  names: readonly string[];
  /** Gets `{"name":"repository@sha256:…"}`; what it says of other images stays. */
  output: string;
  workTree: 'must be clean' | 'may be dirty';
  bundle: (app: App) => Promise<void>;
};

export const registryIsKnown = variableIsSet(
  'IMAGE_REGISTRY',
  /^[a-z0-9][a-z0-9.-]*(:\d{1,5})?$/,
  'run `npx nx run infra:bootstrap`, which prints the line that sets it.',
);

/** Builds and pushes images of this commit and notes their digests. A tag that the registry has is taken as it is. */
export async function pushImages(context: CommandContext, request: PushRequest): Promise<void> {
  await preflight(context, [registryIsKnown]);
  const { env, programs, repoRoot, say, echo } = context;
  const { revision, tag } = await tagOf(context, request.workTree);
  const images = await imagesToPush({ ...request, repoRoot, revision });
  const registry = env['IMAGE_REGISTRY'] ?? '';
  const buildx = new Buildx(programs, registry, echo);
  for (const image of images) {
    const repository = `${registry}/${repositoryName(image.name)}`;
    const reference = `${repository}:${image.contentTag ?? tag}`;
    const present = await buildx.digestOf(reference);
    if (present === null) say(`${image.name}: building for ${image.architecture}`);
    const digest = present ?? (await buildx.buildAndPush(image, reference));
    // After each, so that a run that is cut off has not pushed in vain.
    await note(request.output, { [image.name]: `${repository}@${digest}` }, imageNames(await readModels()));
    say(`${image.name}: ${repository}@${digest}${present === null ? '' : ' (was there)'}`);
  }
  say(`\nexport IMAGE_DIGESTS=${request.output}`);
}

/** The commit; a dirty tree's tag is a new one each time, because tags of ours never change what they mean. */
async function tagOf(
  { programs, repoRoot }: CommandContext,
  workTree: PushRequest['workTree'],
): Promise<{ revision: string; tag: string }> {
  const git = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await programs.read({
      program: 'git',
      args,
      cwd: repoRoot,
      timeoutMs: GIT_MS_MAX,
    });
    if (exitCode === 0) return stdout.trim();
    throw new CommandError(
      `${stderr.trim()}\ngit ${args[0]} failed: run this in a git checkout of the project.`,
      exitCode,
    );
  };
  const revision = await git('rev-parse', 'HEAD');
  if ((await git('status', '--porcelain')) === '') return { revision, tag: revision };
  if (workTree === 'must be clean') {
    throw new CommandError(
      'The work tree differs from its commit, which the image would be named after: commit, or pass --allow-dirty.',
    );
  }
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  return { revision: `${revision}-dirty`, tag: `${revision}-dirty-${time}` };
}

/** Whole or not at all; names that nothing uses any more are dropped, since a synthesis refuses them. */
async function note(file: string, images: Readonly<Record<string, string>>, names: readonly string[]): Promise<void> {
  const text = await readFile(file, 'utf8').catch(unlessMissing);
  const before = text === false ? {} : parse(file, text);
  const kept = Object.entries({ ...before, ...images }).filter(([name]) => names.includes(name));
  await mkdir(dirname(file), { recursive: true });
  const written = `${file}.part`;
  await writeFile(written, `${JSON.stringify(Object.fromEntries(kept.sort()), null, 2)}\n`);
  await rename(written, file);
}

function parse(file: string, text: string): Record<string, string> {
  try {
    return z.record(z.string(), z.string()).parse(JSON.parse(text));
  } catch {
    throw new CommandError(`${file} is no file of images: remove it and run this again.`);
  }
}
