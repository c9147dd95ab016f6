/**
 * Terraform on an environment, behind the checks and in the order that make it safe:
 *
 *   node infra/commands/main-terraform.ts plan    dev|prod [--no-lock] [--quiet] [--text FILE]
 *   node infra/commands/main-terraform.ts deploy  dev|prod [--approve]
 *   node infra/commands/main-terraform.ts destroy dev      [--confirm dev]
 *
 * Every failure is sentences on stderr and the exit code of what failed, which nx turns into 1.
 */
import { join } from 'node:path';
import { runCommand } from './command-context.ts';
import { runTerraformCommand } from './terraform-command.ts';

await runCommand(join(import.meta.dirname, '../..'), (context) => runTerraformCommand(context, process.argv.slice(2)));
