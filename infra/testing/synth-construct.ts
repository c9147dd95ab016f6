import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, TerraformStack, Testing } from 'cdktf';
import type { StackContext } from '../constructs/stack-context.ts';

/** One resource or data source as Terraform reads it, in its own words (snake_case). */
export type Body = Readonly<Record<string, unknown>>;
type ByType = Readonly<Record<string, Readonly<Record<string, Body>>>>;

/** A stack as Terraform reads it: `resource[type][logical id]`. */
export type SynthesizedStack = {
  resource: ByType;
  data: ByType;
  locals?: Body;
  output: Readonly<Record<string, Body>>;
  variable: Readonly<Record<string, Body>>;
  terraform: Body;
  provider?: Body;
};

export const TEST_CONTEXT: StackContext = {
  name: (part) => `bpi-test-${part}`,
  region: 'us-east-1',
  accountId: '${data.aws_caller_identity.account.account_id}',
  logRetentionDays: 7,
  keyArn: null,
};

/** Blocks in a stack of their own, synthesized; parts of the context may differ from `TEST_CONTEXT`. */
export function synthesizeConstruct(
  build: (scope: TerraformStack, context: StackContext) => void,
  context: Partial<StackContext> = {},
): SynthesizedStack {
  return synthesizedStack((app) => {
    const stack = new TerraformStack(app, 'test');
    build(stack, { ...TEST_CONTEXT, ...context });
    return stack;
  });
}

/** A whole stack, synthesized. */
export function synthesizedStack(make: (app: App) => TerraformStack): SynthesizedStack {
  const outdir = mkdtempSync(join(tmpdir(), 'bpi-synth-'));
  try {
    return parseStack(Testing.synth(make(new App({ outdir }))));
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

/** @param text of a `cdk.tf.json`, which has no block for what a stack has none of. */
export function parseStack(text: string): SynthesizedStack {
  const made = JSON.parse(text) as Partial<SynthesizedStack>; // cdktf's own output
  return { resource: {}, data: {}, output: {}, variable: {}, terraform: {}, ...made };
}

/** Every resource (or, with the name of a data source's type, data source) of a type; empty if there is none. */
export function all({ resource, data }: SynthesizedStack, type: string): Body[] {
  return [...Object.values(resource[type] ?? {}), ...Object.values(data[type] ?? {})];
}

/** @throws Error unless there is exactly one of the type. */
export function only(stack: SynthesizedStack, type: string): Body {
  const [body, ...more] = all(stack, type);
  if (body === undefined || more.length > 0) {
    throw new Error(`Not one ${type} in the stack but ${body === undefined ? 0 : more.length + 1}.`);
  }
  return body;
}
