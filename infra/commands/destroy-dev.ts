import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';
import type { DevAccount } from './dev-account.ts';
import { deleteDevTaskDefinitions, emptyDev, type Patience } from './empty-dev.ts';
import { environmentChecks } from './plan-and-deploy.ts';
import { type FindCredentials, preflight } from './preflight.ts';
import { whileHolding } from './stack-lock.ts';
import { TerraformStack } from './terraform-stack.ts';

/** The only environment that this can destroy. */
const ENVIRONMENT = 'dev';
const SHOWN_MAX = 20;
const AGAIN = 'Run `npx nx run infra:destroy-dev` again, which goes on from here.';

export type DestroyRequest = {
  /** What was typed instead of an answer at the terminal. */
  confirmation: string | null;
  findCredentials: FindCredentials;
  openAccount: (region: string) => DevAccount;
  patience: Patience;
};

/** Takes the whole dev environment away, with what is in it, and says what is left. */
export async function destroyDev(context: CommandContext, request: DestroyRequest): Promise<void> {
  await confirm(context, request.confirmation);
  // The images do not matter: what is destroyed is what the state holds.
  await preflight(context, environmentChecks(request.findCredentials));
  await whileHolding(context, ENVIRONMENT, () => destroyAlone(context, request));
}

async function destroyAlone(context: CommandContext, request: DestroyRequest): Promise<void> {
  const { say, programs } = context;
  const stack = new TerraformStack(context, ENVIRONMENT, 'run `npx nx run infra:destroy-dev` again');
  const region = await stack.synthesize();
  await stack.initialize(context.env['TF_STATE_BUCKET'] ?? '');
  const account = request.openAccount(region);
  const { signal } = programs;
  await askAws(() => emptyDev({ account, say, signal, patience: request.patience }));
  try {
    await stack.plan({ what: 'destruction', lock: 'held' });
    await stack.apply();
  } finally {
    await stack.discardPlan();
  }
  await askAws(() => deleteDevTaskDefinitions({ account, say, signal }));
  const left = await stack.resources();
  if (left.length > 0) throw new CommandError(`Still there: ${listed(left)}. ${AGAIN}`);
  say('nothing of dev is left in the state');
}

/** @throws CommandError before anything is done, unless the environment's name was typed */
async function confirm({ ask }: CommandContext, given: string | null): Promise<void> {
  const question = `This destroys the environment with all its jobs and results. Its name (${ENVIRONMENT}): `;
  const typed = given ?? (await ask(question));
  if (typed === ENVIRONMENT) return;
  throw new CommandError(
    `Nothing was destroyed: confirm with the environment's name, \`npx nx run infra:destroy-dev --confirm ${ENVIRONMENT}\`.`,
  );
}

/** What AWS refuses (a right that is missing, a call too many) is no fault of ours, but must say what to do. */
async function askAws(steps: () => Promise<void>): Promise<void> {
  try {
    await steps();
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
    throw new CommandError(`AWS did not do it (${name}: ${message}). ${AGAIN}`);
  }
}

function listed(addresses: readonly string[]): string {
  const rest = addresses.length - SHOWN_MAX;
  return `${addresses.slice(0, SHOWN_MAX).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
