/**
 * What an AWS account needs once, made by a human:
 * `node infra/commands/main-bootstrap.ts [--approve] [--allow-deletions]`.
 * May be run again, to change it or after it was cut off. A failure's exit code is that of what failed; nx turns each
 * into 1.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { approvalOf } from './approval.ts';
import { findCredentials } from './aws-dev-account.ts';
import { bootstrapAccount } from './bootstrap-account.ts';
import { runCommand } from './command-context.ts';

await runCommand(join(import.meta.dirname, '../..'), async (context) => {
  const { values } = parseArgs({
    options: { approve: { type: 'boolean' }, 'allow-deletions': { type: 'boolean' } },
  });
  await bootstrapAccount(context, {
    findCredentials,
    approval: approvalOf(values.approve === true, context),
    losses: values['allow-deletions'] === true ? 'allowed' : 'refused',
  });
});
