import { writeFile } from 'node:fs/promises';
import { type Approval, approve } from './approval.ts';
import type { CommandContext } from './command-context.ts';
import {
  alertMailIsSet,
  type Check,
  credentialsAreThere,
  type FindCredentials,
  imagesArePushed,
  preflight,
  stateBucketIsKnown,
  terraformIsThere,
} from './preflight.ts';
import { type PlanOptions, TerraformStack } from './terraform-stack.ts';

export type Environment = 'dev' | 'prod';

/** What every run of Terraform on an environment needs. */
export function environmentChecks(find: FindCredentials): Check[] {
  return [terraformIsThere, credentialsAreThere(find), stateBucketIsKnown, alertMailIsSet];
}

export type PlanRequest = {
  environment: Environment;
  lock: PlanOptions['lock'];
  /** Gets the plan in words. */
  textFile: string | null;
};

/** Shows what a deployment would do. */
export async function planEnvironment(
  context: CommandContext,
  find: FindCredentials,
  { environment, lock, textFile }: PlanRequest,
): Promise<void> {
  const stack = await open(context, find, { environment, command: 'plan' });
  try {
    await stack.plan({ what: 'changes', lock });
    if (textFile === null) return;
    await writeFile(textFile, await stack.planAsText());
    context.say(`the plan as text: ${textFile}`);
  } finally {
    await stack.discardPlan();
  }
}

export type DeployRequest = { environment: Environment; approval: Approval };

/** Plans, asks, and applies that very plan; Terraform says at the end what addresses came of it. */
export async function deployEnvironment(
  context: CommandContext,
  find: FindCredentials,
  { environment, approval }: DeployRequest,
): Promise<void> {
  const stack = await open(context, find, { environment, command: 'deploy' });
  try {
    await stack.plan({ what: 'changes', lock: 'held' });
    await approve(context, approval);
    await stack.apply();
  } finally {
    await stack.discardPlan();
  }
}

async function open(
  context: CommandContext,
  find: FindCredentials,
  { environment, command }: { environment: Environment; command: 'plan' | 'deploy' },
): Promise<TerraformStack> {
  await preflight(context, [...environmentChecks(find), imagesArePushed]);
  const stack = new TerraformStack(context, environment, `run \`nx run infra:${command}-${environment}\` again`);
  await stack.synthesize();
  await stack.initialize(context.env['TF_STATE_BUCKET'] ?? '');
  return stack;
}
