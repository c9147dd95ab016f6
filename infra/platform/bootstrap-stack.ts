import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { TerraformOutput, TerraformStack, type App } from 'cdktf';
import { AccountBucket } from '../constructs/account/account-bucket.ts';
import { GithubRole, type GithubRoleSettings } from '../constructs/account/github-role.ts';
import type { GithubRepository } from '../constructs/account/github-trust.ts';
import { ImageRegistry } from '../constructs/account/image-registry.ts';
import { OidcProvider, type OidcProviderSettings } from '../constructs/account/oidc-provider.ts';
import { PermissionsBoundary, type AccountContext } from '../constructs/account/permissions-boundary.ts';
import { planRolePolicies } from '../constructs/account/plan-role-policy.ts';
import { pushRolePolicies } from '../constructs/account/push-role-policy.ts';
import { PROJECT_PREFIX } from '../constructs/stack-context.ts';
import { terraformRolePolicies } from '../constructs/account/terraform-role-policy.ts';
import { configureStack } from './synthesize.ts';

export type BootstrapSettings = {
  region: string;
  repository: GithubRepository;
  oidcProvider: OidcProviderSettings['provider'];
  /** Every image that somebody pushes: the apps' and the models'. */
  images: readonly string[];
};

/** A deployment gone wrong, or weights replaced by mistake, is noticed within a quarter of a year. */
const NONCURRENT_DAYS = 90;

/**
 * What an account needs once, before any environment, and what outlives them all: made by a person, changed by persons
 * only. It names no environment's resources, and no environment refers to its state: names are the agreement.
 */
export class BootstrapStack extends TerraformStack {
  constructor(app: App, id: string, settings: BootstrapSettings) {
    super(app, id);
    configureStack(this, { id, region: settings.region });
    const { accountId } = new DataAwsCallerIdentity(this, 'account');
    const context: AccountContext = { region: settings.region, accountId };
    const states = new AccountBucket(this, 'state', bucket('state', accountId));
    const weights = new AccountBucket(this, 'weights', bucket('weights', accountId));
    const registry = new ImageRegistry(this, 'images', { images: settings.images });
    const boundary = new PermissionsBoundary(this, 'boundary', context);
    const provider = new OidcProvider(this, 'github', { provider: settings.oidcProvider });
    const roles = githubRoles(this, context, {
      repository: settings.repository,
      providerArn: provider.arn,
      boundaryArn: boundary.arn,
      repositoryArns: registry.arns,
    });
    const outputs = { account_id: accountId, state_bucket: states.name, weights_bucket: weights.name, ...roles };
    for (const [name, value] of Object.entries(outputs)) new TerraformOutput(this, name, { value });
  }
}

function bucket(name: string, accountId: string) {
  return { name: `${PROJECT_PREFIX}-${name}-${accountId}`, noncurrentDays: NONCURRENT_DAYS };
}

type RoleNeeds = Pick<GithubRoleSettings, 'repository' | 'providerArn' | 'boundaryArn'> & {
  repositoryArns: readonly string[];
};

/** ARNs of the roles, by the name of their output. */
function githubRoles(stack: TerraformStack, context: AccountContext, needs: RoleNeeds): Record<string, string> {
  const { repositoryArns, ...common } = needs;
  const terraform = new GithubRole(stack, 'terraform', {
    ...common,
    name: 'terraform',
    description: 'Deploys the environments from the main branch.',
    context: 'ref:refs/heads/main',
    policies: terraformRolePolicies(context),
  });
  const plan = new GithubRole(stack, 'terraform-plan', {
    ...common,
    name: 'terraform-plan',
    description: 'Plans for pull requests: reads settings and state, and no data.',
    context: 'pull_request',
    policies: planRolePolicies(context),
  });
  const push = new GithubRole(stack, 'ecr-push', {
    ...common,
    name: 'ecr-push',
    description: 'Pushes images from the main branch.',
    context: 'ref:refs/heads/main',
    policies: pushRolePolicies(repositoryArns),
  });
  return { terraform_role: terraform.arn, terraform_plan_role: plan.arn, ecr_push_role: push.arn };
}
