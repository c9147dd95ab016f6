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
import { type Planned, refuseLosses } from './plan-losses.ts';
import { whileHolding } from './stack-lock.ts';
import { resourcesInBucket } from './state-in-bucket.ts';
import { type Outputs, TerraformStack } from './terraform-stack.ts';

const STACK = 'bootstrap';
const AGAIN = 'run `npx nx run infra:bootstrap` again';
const STATE_BUCKET_OUTPUT = 'state_bucket';
const ACCOUNT_OUTPUT = 'account_id';

const movedStateSchema = z.object({ outputs: z.object({ [STATE_BUCKET_OUTPUT]: z.object({ value: z.string() }) }) });

export type BootstrapRequest = {
  findCredentials: FindCredentials;
  approval: Approval;
  /** Of what an earlier run made. */
  losses: 'refused' | 'allowed';
};

/**
 * Makes what an account needs once. The first time there is no bucket for the state: it is kept in a file of ours until
 * it is in the bucket that it made, and a run that was cut off goes on from that file.
 */
export async function bootstrapAccount(context: CommandContext, request: BootstrapRequest): Promise<void> {
  await preflight(context, [terraformIsThere, credentialsAreThere(request.findCredentials), repositoryIsNamed]);
  await whileHolding(context, STACK, () => bootstrapAlone(context, request));
}

async function bootstrapAlone(context: CommandContext, request: BootstrapRequest): Promise<void> {
  const stack = new TerraformStack(context, STACK, AGAIN);
  const region = await stack.synthesize();
  const known = await knownBucket(context, stack);
  const isFirst = known === null || (await isThere(stack.folders.localState));
  if (isFirst) await stack.initializeLocally();
  else await stack.initialize(known);
  const outputs = await build(stack, async () => {
    const planned = await stack.planned();
    if (isFirst) await refuseSecondState(context, stack, known ?? plannedBucket(planned));
    if (request.losses === 'refused') refuseLosses(context, planned);
    await approve(context, request.approval);
  });
  const bucket = outputs[STATE_BUCKET_OUTPUT];
  if (bucket === undefined) {
    throw new CommandError(`The bootstrap stack has no output ${STATE_BUCKET_OUTPUT}: add it and ${AGAIN}.`);
  }
  if (isFirst) await moveState(context, stack, bucket);
  sayWhatToSet(context, { bucket, region, outputs });
}

/** @param check throws for a plan that must not be applied */
async function build(stack: TerraformStack, check: () => Promise<void>): Promise<Outputs> {
  try {
    await stack.plan({ what: 'changes', lock: 'held' });
    await check();
    await stack.apply();
  } finally {
    await stack.discardPlan();
  }
  return stack.outputs();
}

/** Known at plan time: it is made of the account's number. */
function plannedBucket({ planned_values: { outputs } }: Planned): string {
  const bucket = outputs[STATE_BUCKET_OUTPUT]?.value;
  if (typeof bucket === 'string') return bucket;
  const why = 'by which an earlier state is looked for';
  throw new CommandError(
    `The plan has no output ${STATE_BUCKET_OUTPUT}, ${why}: mend the bootstrap stack and ${AGAIN}.`,
  );
}

/**
 * A machine that knows of no bucket is not the first for that: what it began from nothing would fail half-way, and
 * leave a state that later runs went on from. A run that was cut off while it moved its state has all that the bucket
 * has.
 */
async function refuseSecondState(context: CommandContext, stack: TerraformStack, bucket: string): Promise<void> {
  const there = await resourcesInBucket(context, stack.folders, bucket);
  if (there.length === 0) return;
  const here = await stack.resources();
  if (there.every((address) => here.includes(address))) return;
  const { localState } = stack.folders;
  const tell = `export TF_STATE_BUCKET=${bucket}`;
  if (here.length === 0 && !(await isThere(localState))) {
    throw new CommandError(
      `This account was bootstrapped before, and nothing was changed: run \`${tell}\`, and ${AGAIN}.`,
    );
  }
  throw new CommandError(
    `There are two states: ${bucket} holds ${there.length} resources, ${localState} holds ${here.length} and lacks some.\n` +
      `Nothing was changed: look what only the file holds; then put it aside, run \`${tell}\`, and ${AGAIN}.`,
  );
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
    // Pasted as it is, a shell refuses the angle brackets: better no alarms yet than alarms to a stranger.
    ALERT_EMAIL: env['TF_VAR_alert_email'] ?? '<address-for-alarms>',
  };
  for (const [name, value] of Object.entries(variables)) {
    say(`gh variable set ${name} --repo ${repository} --body ${value}`);
  }
}
