import { IamPolicy } from '@cdktf/provider-aws/lib/iam-policy/index.js';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role/index.js';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment/index.js';
import { Construct } from 'constructs';
import { githubTrust, type GithubRepository, type RunContext } from './github-trust.ts';
import { CI_ROLE_PREFIX } from './permissions-boundary.ts';
import { policyDocument, type Statement } from '../policy.ts';
import { IAM_PATH } from '../stack-context.ts';

export type GithubRoleSettings = {
  /** The last part of its name: `terraform` is `github-actions-terraform`. */
  name: string;
  description: string;
  providerArn: string;
  boundaryArn: string;
  repository: GithubRepository;
  /** Which runs of the repository may take it. */
  context: RunContext;
  /** By the last part of the policy's name. IAM limits the size of each, so a long one comes in parts. */
  policies: Readonly<Record<string, readonly Statement[]>>;
};

/** Long enough for a deployment, and what AWS gives anyway when nobody asks. */
const SESSION_S_MAX = 3_600;

/** A role that runs of one repository take with GitHub's word on who they are: there are no keys to lose. */
export class GithubRole extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, settings: GithubRoleSettings) {
    super(scope, id);
    const role = new IamRole(this, 'role', {
      name: `${CI_ROLE_PREFIX}${settings.name}`,
      description: settings.description,
      maxSessionDuration: SESSION_S_MAX,
      permissionsBoundary: settings.boundaryArn,
      assumeRolePolicy: githubTrust(settings.providerArn, settings.repository, settings.context),
    });
    for (const [part, statements] of Object.entries(settings.policies)) {
      const policy = new IamPolicy(this, part, {
        name: `${CI_ROLE_PREFIX}${settings.name}-${part}`,
        path: IAM_PATH,
        policy: policyDocument(statements),
      });
      new IamRolePolicyAttachment(this, `${part}-attached`, { role: role.name, policyArn: policy.arn });
    }
    this.arn = role.arn;
  }
}
