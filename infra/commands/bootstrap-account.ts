import { readFile, rename, stat } from 'node:fs/promises';
import { unlessMissing } from '@bpi/model-files';
import { type Approval, approve } from './approval.ts';
import { z } from 'zod';
import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';
import {
  credentialsAreThere,
  type FindCredentials,
  preflight,
  repositoryIsNamed,
  terraformIsThere,
} from './preflight.ts';
import { type Outputs, TerraformStack } from './terraform-stack.ts';

const STACK = 'bootstrap';
const AGAIN = 'run `nx run infra:bootstrap` again';
const STATE_BUCKET_OUTPUT = 'state_bucket';
const ACCOUNT_OUTPUT = 'account_id';

const movedStateSchema = z.object({ outputs: z.object({ [STATE_BUCKET_OUTPUT]: z.object({ value: z.string() }) }) });

export type BootstrapRequest = { findCredentials: FindCredentials; approval: Approval };

/**
 * Makes what an account needs once. The first time there is no bucket for the state: it is kept in a file of ours until
 * it is in the bucket that it made, and a run that was cut off goes on from that file.
 */
export async function bootstrapAccount(context: CommandContext, request: BootstrapRequest): Promise<void> {
  await preflight(context, [terraformIsThere, credentialsAreThere(request.findCredentials), repositoryIsNamed]);
  const stack = new TerraformStack(context, STACK, AGAIN);
  const region = await stack.synthesize();
  const known = await knownBucket(context, stack);
  const isFirst = known === null || (await isThere(stack.folders.localState));
  if (isFirst) await stack.initializeLocally();
  else await stack.initialize(known);
  const outputs = await build(context, stack, request.approval);
  const bucket = outputs[STATE_BUCKET_OUTPUT];
  if (bucket === undefined) {
    throw new CommandError(`The bootstrap stack has no output ${STATE_BUCKET_OUTPUT}: add it and ${AGAIN}.`);
  }
  if (isFirst) await moveState(context, stack, bucket);
  sayWhatToSet(context, { bucket, region, outputs });
}

async function build(context: CommandContext, stack: TerraformStack, approval: Approval): Promise<Outputs> {
  try {
    await stack.plan({ what: 'changes', lock: 'held' });
    await approve(context, approval);
    await stack.apply();
  } finally {
    await stack.discardPlan();
  }
  return stack.outputs();
}

/** The file is put aside only when the bucket's copy holds all that it does. */
async function moveState(context: CommandContext, stack: TerraformStack, bucket: string): Promise<void> {
  const { localState } = stack.folders;
  const before = await stack.resources();
  await stack.migrateTo(bucket);
  const after = new Set(await stack.resources());
  const lost = before.filter((address) => !after.has(address));
  if (before.length === 0 || lost.length > 0) {
    throw new CommandError(`The state in ${bucket} is not whole, and ${localState} is kept: ${AGAIN}.`);
  }
  await rename(localState, movedState(stack));
  context.say(`the state is in ${bucket}`);
}

/** As the environment says; else as this machine found it when it moved the state there. */
async function knownBucket({ env }: CommandContext, stack: TerraformStack): Promise<string | null> {
  const given = env['TF_STATE_BUCKET'] ?? '';
  if (given !== '') return given;
  const text = await readFile(movedState(stack), 'utf8').catch(unlessMissing);
  return text === false ? null : movedStateSchema.parse(JSON.parse(text)).outputs[STATE_BUCKET_OUTPUT].value;
}

function movedState(stack: TerraformStack): string {
  return `${stack.folders.localState}.moved`;
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(({ size }) => size > 0, unlessMissing);
}

function sayWhatToSet(
  { env, say }: CommandContext,
  { bucket, region, outputs }: { bucket: string; region: string; outputs: Outputs },
): void {
  const account = outputs[ACCOUNT_OUTPUT] ?? '';
  const repository = env['GITHUB_REPOSITORY'] ?? '';
  say('\nFor commands on this machine:');
  say(`export TF_STATE_BUCKET=${bucket}`);
  say(`export IMAGE_REGISTRY=${account}.dkr.ecr.${region}.amazonaws.com`);
  say(`\nFor the workflows of ${repository}, none of it a secret:`);
  const variables = {
    AWS_ACCOUNT_ID: account,
    AWS_REGION: region,
    TF_STATE_BUCKET: bucket,
    ALERT_EMAIL: 'you@example.org',
  };
  for (const [name, value] of Object.entries(variables)) {
    say(`gh variable set ${name} --repo ${repository} --body ${value}`);
  }
}
