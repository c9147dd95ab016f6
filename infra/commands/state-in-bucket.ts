import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';
import type { ProgramAnswer } from './programs.ts';
import type { StackFolders } from './stack-folders.ts';

const READ_MS_MAX = 120_000;

/** As Terraform, or AWS through it, says it of a bucket. */
const NO_BUCKET = /S3 bucket "[^"]*" does not exist|NoSuchBucket/;
export const NO_STATE = 'No state file was found';

const synthesizedSchema = z.object({
  terraform: z.object({ backend: z.object({ s3: z.record(z.string(), z.unknown()) }) }),
});

/**
 * Addresses of what the stack's state in that bucket holds; none if there is no bucket or no state in it. Asks from a
 * folder of its own that has a backend and nothing else, so that nothing is noted beside the stack.
 * @throws CommandError if that cannot be told
 */
export async function resourcesInBucket(
  { programs }: Pick<CommandContext, 'programs'>,
  { synthesized, data, terraformData }: Pick<StackFolders, 'synthesized' | 'data' | 'terraformData'>,
  bucket: string,
): Promise<string[]> {
  const { terraform } = synthesizedSchema.parse(JSON.parse(await readFile(join(synthesized, 'cdk.tf.json'), 'utf8')));
  const folder = await mkdtemp(join(data, 'look-'));
  // Init wants the provider of what the state holds: the one that the stack has, not another download.
  const plugins = [`-plugin-dir=${join(terraformData, 'providers')}`];
  const env = { TF_DATA_DIR: join(folder, 'data'), TF_IN_AUTOMATION: '1', TF_INPUT: '0' };
  const ask = (...args: string[]) =>
    programs.read({ program: 'terraform', args, cwd: folder, env, timeoutMs: READ_MS_MAX });
  const cannotTell = ({ stderr, exitCode }: ProgramAnswer) => {
    const sentence = `Whether ${bucket} holds a state already could not be told, and nothing was changed`;
    const next = 'mend what it says above, and run `npx nx run infra:bootstrap` again.';
    return new CommandError(`${stderr.trim()}\n${sentence}: ${next}`, exitCode);
  };
  try {
    await writeFile(join(folder, 'main.tf.json'), JSON.stringify({ terraform: { backend: terraform.backend } }));
    const init = await ask('init', '-input=false', '-no-color', `-backend-config=bucket=${bucket}`, ...plugins);
    if (init.exitCode !== 0 && NO_BUCKET.test(unwrapped(init.stderr))) return [];
    // Also after an init that failed: it may have lacked the provider of what the state holds, and a list needs none.
    const list = await ask('state', 'list');
    if (list.exitCode === 0) return list.stdout.split('\n').filter((line) => line !== '');
    if (list.stderr.includes(NO_STATE)) return [];
    throw init.exitCode !== 0 ? cannotTell(init) : cannotTell(list);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Terraform breaks its sentences into lines, with a bar before each. */
function unwrapped(text: string): string {
  return text.replace(/[\s│]+/g, ' ');
}
