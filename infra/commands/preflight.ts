import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { unlessMissing } from '@bpi/model-files';
import { imageNames, readModels } from '../platform/catalogue.ts';
import { areAllPresent, completeImages, readImages } from '../platform/images.ts';
import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';
import type { Programs } from './programs.ts';

/** Null, or one sentence: what is missing and the command that supplies it. */
export type Check = (context: CommandContext) => Promise<string | null>;

/** Resolves whether AWS's own chain finds any credentials; they are not tried. */
export type FindCredentials = () => Promise<boolean>;

const ASK_MS_MAX = 30_000;
const TERRAFORM_MIN = { major: 1, minor: 10 } as const; // the state's lock is an object beside it since then
const HOW_TO_INSTALL =
  'install it with `brew install hashicorp/tap/terraform`, or as https://developer.hashicorp.com/terraform/install says.';
const PUSH_IMAGES =
  'run `npx nx run infra:push-images`, then `export IMAGE_DIGESTS=$PWD/data/infra/images.json` in the repository.';

/** @throws CommandError with everything that is missing at once */
export async function preflight(context: CommandContext, checks: readonly Check[]): Promise<void> {
  const sentences: string[] = [];
  // One after the other: each may run a program.
  for (const check of checks) {
    const sentence = await check(context);
    if (sentence !== null) sentences.push(sentence);
  }
  if (sentences.length > 0) throw new CommandError(sentences.join('\n'));
}

export async function terraformIsThere({ programs, repoRoot }: CommandContext): Promise<string | null> {
  const version = await terraformVersion(programs, repoRoot);
  if (version === null) return `Terraform is missing or does not start: ${HOW_TO_INSTALL}`;
  const { major, minor } = TERRAFORM_MIN;
  if (version.major > major || (version.major === major && version.minor >= minor)) return null;
  return `Terraform is ${version.text}, and ${major}.${minor} or newer is needed: ${HOW_TO_INSTALL}`;
}

async function terraformVersion(programs: Programs, cwd: string) {
  const call = { program: 'terraform', args: ['version', '-json'], cwd, timeoutMs: ASK_MS_MAX };
  const { exitCode, stdout } = await programs.read(call);
  if (exitCode !== 0) return null;
  const found = /"terraform_version"\s*:\s*"((\d+)\.(\d+)\.[^"]*)"/.exec(stdout);
  return found === null ? null : { text: found[1] ?? '', major: Number(found[2]), minor: Number(found[3]) };
}

/** @param find injected, because the chain asks the network where nothing is set */
export function credentialsAreThere(find: FindCredentials): Check {
  return async () =>
    (await find()) ? null : 'AWS credentials are missing or have expired: run `aws sso login` or `aws configure`.';
}

/** Of a variable that must hold something, and what its form is. */
export function variableIsSet(name: string, form: RegExp, supply: string): Check {
  return async ({ env }) => {
    const value = env[name] ?? '';
    if (value === '') return `${name} is not set: ${supply}`;
    return form.test(value) ? null : `${name} is not in its form: ${supply}`;
  };
}

export const stateBucketIsKnown = variableIsSet(
  'TF_STATE_BUCKET',
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  'run `npx nx run infra:bootstrap`, which prints the line that sets it.',
);

export const alertMailIsSet = variableIsSet(
  'TF_VAR_alert_email',
  /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
  'run `export TF_VAR_alert_email=you@example.org`; alarms and the budget write there.',
);

export const repositoryIsNamed = variableIsSet(
  'GITHUB_REPOSITORY',
  /^[A-Za-z0-9-]{1,39}\/[A-Za-z0-9._-]{1,100}$/,
  'run `export GITHUB_REPOSITORY=$(gh repo view --json nameWithOwner --jq .nameWithOwner)`.',
);

/** Every app's and every model's image was pushed, by the file that IMAGE_DIGESTS names. */
export async function imagesArePushed(context: CommandContext): Promise<string | null> {
  const names = imageNames(await readModels());
  return checkImages(context, (file) =>
    areAllPresent(readImages(file, names)) ? null : `IMAGE_DIGESTS names images that were never pushed: ${PUSH_IMAGES}`,
  );
}

/** IMAGE_DIGESTS names a file of images, whole or not: enough for a plan. */
export async function imagesAreNamed(context: CommandContext): Promise<string | null> {
  return checkImages(context, (file) => {
    completeImages(file, []);
    return null;
  });
}

async function checkImages(context: CommandContext, check: (file: string) => string | null): Promise<string | null> {
  const file = imagesFile(context);
  if (file === null) return `IMAGE_DIGESTS is not set: ${PUSH_IMAGES}`;
  if ((await access(file).catch(unlessMissing)) === false) {
    return `IMAGE_DIGESTS names ${file}, and there is no such file (a relative path counts from the repository's root): ${PUSH_IMAGES}`;
  }
  try {
    return check(file);
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
}

/** The path in IMAGE_DIGESTS, absolute: a relative one counts from where nx runs us. Null without one. */
export function imagesFile({ env, repoRoot }: Pick<CommandContext, 'env' | 'repoRoot'>): string | null {
  const given = env['IMAGE_DIGESTS'] ?? '';
  return given === '' ? null : resolve(repoRoot, given);
}
