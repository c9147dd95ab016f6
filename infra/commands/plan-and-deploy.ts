import { writeFile } from 'node:fs/promises';
import { type Approval, approve } from './approval.ts';
import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';
import { withWholeImages } from './plan-images.ts';
import {
  alertMailIsSet,
  type Check,
  credentialsAreThere,
  type FindCredentials,
  imagesAreNamed,
  imagesArePushed,
  preflight,
  stateBucketIsKnown,
  terraformIsThere,
} from './preflight.ts';
import { foldersOf } from './stack-folders.ts';
import { whileHolding } from './stack-lock.ts';
import { type PlanOptions, TerraformStack } from './terraform-stack.ts';

/** How the sentences of a plan begin that say what comes of it, without a value. */
const OUTCOME = /^(Plan:|No changes\.|Changes to Outputs:).*$/gm;

export type Environment = 'dev' | 'prod';

/** What every run of Terraform on an environment needs. */
export function environmentChecks(find: FindCredentials): Check[] {
  return [terraformIsThere, credentialsAreThere(find), stateBucketIsKnown, alertMailIsSet];
}

export type PlanRequest = {
  environment: Environment;
  lock: PlanOptions['lock'];
  /** `errors`: only the outcome of a plan is said. */
  shown: NonNullable<PlanOptions['shown']>;
  /** Gets the plan in words. */
  textFile: string | null;
};

/** Shows what a deployment would do, with placeholders for images that nobody has pushed yet. */
export async function planEnvironment(
  context: CommandContext,
  find: FindCredentials,
  request: PlanRequest,
): Promise<void> {
  await preflight(context, [...environmentChecks(find), imagesAreNamed]);
  await whileHolding(context, request.environment, () => planAlone(context, request));
}

async function planAlone(context: CommandContext, request: PlanRequest): Promise<void> {
  const { environment, lock, shown, textFile } = request;
  const { wholeImages } = foldersOf(context, environment);
  const stack = await withWholeImages(context, wholeImages, (whole) => open(whole, { environment, command: 'plan' }));
  try {
    await stack.plan({ what: 'changes', lock, shown });
    if (shown === 'errors') sayOutcome(context, await stack.planAsText());
    if (textFile === null) return;
    await writeFile(textFile, await stack.planAsText(), { mode: 0o600 });
    context.say(`the plan as text: ${textFile}`);
  } finally {
    await stack.discardPlan();
  }
}

/** @throws CommandError for a text that is no plan as Terraform words it today */
function sayOutcome({ say }: CommandContext, text: string): void {
  const lines = text.match(OUTCOME);
  if (lines === null) throw new CommandError('The plan does not say what comes of it: plan without --quiet and look.');
  for (const line of lines) say(line);
}

export type DeployRequest = { environment: Environment; approval: Approval };

/** Plans, asks, and applies that very plan; Terraform says at the end what addresses came of it. */
export async function deployEnvironment(
  context: CommandContext,
  find: FindCredentials,
  { environment, approval }: DeployRequest,
): Promise<void> {
  await preflight(context, [...environmentChecks(find), imagesArePushed]);
  await whileHolding(context, environment, async () => {
    const stack = await open(context, { environment, command: 'deploy' });
    try {
      await stack.plan({ what: 'changes', lock: 'held' });
      await approve(context, approval);
      await stack.apply();
    } finally {
      await stack.discardPlan();
    }
  });
}

async function open(
  context: CommandContext,
  { environment, command }: { environment: Environment; command: 'plan' | 'deploy' },
): Promise<TerraformStack> {
  const stack = new TerraformStack(context, environment, `run \`npx nx run infra:${command}-${environment}\` again`);
  await stack.synthesize();
  await stack.initialize(context.env['TF_STATE_BUCKET'] ?? '');
  return stack;
}
