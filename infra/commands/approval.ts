import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';

/** `given`: by a flag, where a human approved it elsewhere. */
export type Approval = 'given' | 'to be asked for';

/** In CI the approval lies before the job that runs this. */
export function approvalOf(flag: boolean, { env }: Pick<CommandContext, 'env'>): Approval {
  return flag || env['CI'] === 'true' ? 'given' : 'to be asked for';
}

/** @throws CommandError unless the plan shown above may be applied */
export async function approve(context: CommandContext, approval: Approval): Promise<void> {
  if (approval === 'given') return;
  const answer = await context.ask('apply? Only `yes` goes on: ');
  if (answer === 'yes') return;
  const why = answer === null ? 'there is no terminal to ask at (pass --approve to do without)' : 'that was not `yes`';
  throw new CommandError(`Nothing was changed: ${why}.`);
}
