import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hasCode, unlessExists, unlessMissing } from '@bpi/model-files';
import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';
import { foldersOf, type Stack } from './stack-folders.ts';

/** Each goes round once for a process that is gone; more than two in a row are not. */
const ATTEMPTS_MAX = 5;

/**
 * Calls `work` while no other command with this data folder works on the stack: they share the synthesized folder,
 * Terraform's own files and the plan file, and one would apply what was approved for the other. Terraform's lock is of
 * the state alone, and not held between plan and apply.
 * @throws CommandError that names the process which does
 */
export async function whileHolding<T>(
  context: Pick<CommandContext, 'repoRoot' | 'dataDir'>,
  stack: Stack,
  work: () => Promise<T>,
): Promise<T> {
  const { data, holder } = foldersOf(context, stack);
  await mkdir(data, { recursive: true });
  await take(holder, stack);
  try {
    return await work();
  } finally {
    await rm(holder, { force: true });
  }
}

async function take(file: string, stack: Stack): Promise<void> {
  const mine = `${file}.${randomUUID()}`;
  // Linked once it is written: nobody meets a file without its number in it.
  await writeFile(mine, `${process.pid}\n`, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      if (await link(mine, file).then(() => true, unlessExists)) return;
      const text = await readFile(file, 'utf8').catch(unlessMissing);
      if (text === false) continue;
      if (isRunning(Number(text))) throw new CommandError(sentence(file, stack, text.trim()));
      await removeStale(file, text);
    }
  } finally {
    await rm(mine, { force: true });
  }
  throw new CommandError(sentence(file, stack, 'that is about to begin'));
}

/** Unless another process was faster, and `file` is its own by now. */
async function removeStale(file: string, stale: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  const moved = await rename(file, aside).then(() => true, unlessMissing);
  if (!moved) return;
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, file).catch(unlessExists);
  await rm(aside, { force: true });
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

function sentence(file: string, stack: Stack, pid: string): string {
  return (
    `Process ${pid} works on ${stack} from this folder, and nothing was changed: wait until it has ended. ` +
    `If that is none of these commands (after a restart numbers are given anew), remove ${file}.`
  );
}
