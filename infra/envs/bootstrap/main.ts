/** Synthesizes what an account needs once, before any environment: `nx run infra:bootstrap` applies it. */
import { join } from 'node:path';
import { readCatalogue } from '@bpi/model-files';
import { z } from 'zod';
import { parseRepository } from '../../constructs/account/github-trust.ts';
import { buildBootstrap } from '../../platform/bootstrap-stack.ts';
import { synthesizeStack } from '../../platform/synthesize.ts';

const REGION = 'us-east-1';
const APPS = ['api', 'worker', 'stager'];

const envSchema = z.object({
  GITHUB_REPOSITORY: z.string().default(''),
  GITHUB_REPOSITORY_OWNER_ID: z.string().default(''),
  GITHUB_REPOSITORY_ID: z.string().default(''),
  OIDC_PROVIDER: z
    .enum(
      ['exists', 'create'],
      'Set OIDC_PROVIDER to exists or create: `aws iam list-open-id-connect-providers` tells.',
    )
    .default('exists'),
});

try {
  const parsed = envSchema.safeParse(process.env);
  if (!parsed.success) throw new Error(parsed.error.issues.map(({ message }) => message).join('\n'));
  const env = parsed.data;
  const repository = parseRepository(env.GITHUB_REPOSITORY, {
    org: env.GITHUB_REPOSITORY_OWNER_ID,
    repo: env.GITHUB_REPOSITORY_ID,
  });
  const models = await readCatalogue([join(import.meta.dirname, '../../../apps/models')]);
  const outdir = join(import.meta.dirname, 'cdktf.out');
  synthesizeStack({ id: 'bootstrap', outdir, region: REGION }, (stack) =>
    buildBootstrap(stack, {
      region: REGION,
      repository,
      oidcProvider: env.OIDC_PROVIDER,
      images: [...APPS, ...models.map(({ name }) => name)],
    }),
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'unknown error'}\n`);
  process.exitCode = 1;
}
