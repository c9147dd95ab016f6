/**
 * Terraform on an environment, behind the checks and in the order that make it safe:
 *
 *   node infra/commands/terraform.ts plan    dev|prod [--no-lock] [--quiet] [--text FILE]
 *   node infra/commands/terraform.ts deploy  dev|prod [--approve]
 *   node infra/commands/terraform.ts destroy dev      [--confirm dev]
 *
 * Every failure is sentences on stderr and the exit code of what failed.
 */
import { join } from 'node:path';
import { runCommand } from './command-context.ts';
import { runTerraformCommand } from './terraform-command.ts';

await runCommand(join(import.meta.dirname, '../..'), (context) => runTerraformCommand(context, process.argv.slice(2)));
