/**
 * `terraform validate` over every synthesized stack: `node tools/src/testing/terraform-validate.ts`. Needs the program and
 * a registry with the AWS provider; where one of them is missing it says so in a line and fails nothing.
 */
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, runCommand } from '../docker/host.ts';
import { STACK_FILE, synthesizeStacks, type SynthesizedFile } from './synthesized-stacks.ts';

/** The provider is some hundred megabytes. */
const INIT_TIMEOUT_MS = 5 * 60_000;
const VALIDATE_TIMEOUT_MS = 2 * 60_000;
const NO_PROVIDER = /Failed to (query available|install) provider/;

const repoRoot = join(import.meta.dirname, '../../..');
const cacheDir = join(repoRoot, 'data/test-cache/terraform');
const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const terraform = await findProgram('terraform', process.env);
  const stacks = await synthesizeStacks(repoRoot);
  if (terraform === undefined) return skip('there is no terraform on the PATH');
  const plugins = join(cacheDir, 'plugins');
  await mkdir(plugins, { recursive: true });
  for (const stack of stacks) {
    const complaint = await validate(terraform, plugins, stack);
    if (complaint === null) continue;
    if (NO_PROVIDER.test(complaint)) return skip('no registry gives the AWS provider');
    say(`${stack.name}: ${complaint}`);
    return 1;
  }
  say(`terraform validate: ${stacks.map(({ name }) => name).join(', ')} are valid`);
  return 0;
}

/** Null, or what Terraform says. A copy, so that nothing is left beside the stack; the state is never touched. */
async function validate(terraform: string, plugins: string, { name, folder }: SynthesizedFile): Promise<string | null> {
  const copy = join(cacheDir, name);
  await mkdir(copy, { recursive: true });
  await copyFile(join(folder, STACK_FILE), join(copy, STACK_FILE));
  const environment = { ...process.env, CHECKPOINT_DISABLE: '1', TF_PLUGIN_CACHE_DIR: plugins };
  const run = async (timeoutMs: number, ...args: string[]) => {
    const command = [terraform, `-chdir=${copy}`, ...args, '-no-color'];
    const { exitCode, tail } = await runCommand(command, { environment, timeoutMs });
    return exitCode === 0 ? null : tail;
  };
  const refused = await run(INIT_TIMEOUT_MS, 'init', '-backend=false', '-input=false');
  return refused ?? run(VALIDATE_TIMEOUT_MS, 'validate');
}

function skip(why: string): number {
  say(`terraform validate: NOT RUN, ${why}`);
  return 0;
}

process.exitCode = await main();
