import { mkdirSync } from 'node:fs';
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { App, S3Backend, type TerraformStack } from 'cdktf';
import { PROJECT_PREFIX } from '../constructs/stack-context.ts';

/**
 * Writes `outdir/stacks/<id>/cdk.tf.json` for each stack that `build` makes. Needs neither Terraform nor a network nor an
 * account.
 */
export function synthesize(outdir: string, build: (app: App) => void): void {
  mkdirSync(outdir, { recursive: true });
  const app = new App({ outdir });
  build(app);
  app.synth();
}

/** For a main: what is wrong is said in sentences, and the process exits with 1. */
export async function orSay(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'The synthesis failed.'}\n`);
    process.exitCode = 1;
  }
}

/**
 * The provider, and a state under the stack's name in the account's state bucket. The bucket's name holds the account's number, so it comes
 * with `terraform init -backend-config`.
 */
export function configureStack(stack: TerraformStack, { id, region }: { id: string; region: string }): void {
  new AwsProvider(stack, 'aws', {
    region,
    defaultTags: [{ tags: { Project: PROJECT_PREFIX, Environment: id, ManagedBy: 'terraform' } }],
  });
  new S3Backend(stack, { bucket: '', key: `${id}/terraform.tfstate`, region, encrypt: true });
  stack.addOverride('terraform.backend.s3.bucket', undefined);
  // Not in cdktf's types: the lock is an object beside the state, so no table is needed. Terraform knows it since 1.10.
  stack.addOverride('terraform.backend.s3.use_lockfile', true);
  stack.addOverride('terraform.required_version', '>= 1.10.0');
}
