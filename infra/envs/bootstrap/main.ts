/** Synthesizes what an account needs once, before any environment: `npx nx run infra:bootstrap` applies it. */
import { join } from 'node:path';
import { z } from 'zod';
import { parseRepository } from '../../constructs/account/github-trust.ts';
import { imageNames, readModels } from '../../platform/catalogue.ts';
import { BootstrapStack } from '../../platform/bootstrap-stack.ts';
import { orSay, synthesize } from '../../platform/synthesize.ts';

const REGION = 'us-east-1';

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

await orSay(async () => {
  const parsed = envSchema.safeParse(process.env);
  if (!parsed.success) throw new Error(parsed.error.issues.map(({ message }) => message).join('\n'));
  const env = parsed.data;
  const repository = parseRepository(env.GITHUB_REPOSITORY, {
    org: env.GITHUB_REPOSITORY_OWNER_ID,
    repo: env.GITHUB_REPOSITORY_ID,
  });
  const images = imageNames(await readModels());
  const outdir = join(import.meta.dirname, 'cdktf.out');
  synthesize(outdir, (app) => {
    new BootstrapStack(app, 'bootstrap', { region: REGION, repository, oidcProvider: env.OIDC_PROVIDER, images });
  });
});
