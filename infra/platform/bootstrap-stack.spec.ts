import { describe, expect, it } from '@jest/globals';
import { parseRepository } from '../constructs/account/github-trust.ts';
import { IMAGES_KEPT } from '../constructs/account/image-registry.ts';
import { MANAGED_POLICY_BYTES_MAX } from '../constructs/account/permissions-boundary.ts';
import type { Statement } from '../constructs/policy.ts';
import { outsideBoundary } from '../testing/outside-boundary.ts';
import { all, only, synthesizedStack, type Body } from '../testing/synth-construct.ts';
import { BootstrapStack, type BootstrapSettings } from './bootstrap-stack.ts';

const IMAGES = ['api', 'worker', 'stager', 'biomedparse', 'brain-mri'];
const ACCOUNT = /\$\{data\.aws_caller_identity\.account\.account_id\}/g;

function synthesize(changes: Partial<BootstrapSettings> = {}) {
  const repository = parseRepository('acme/imaging', { org: '1234', repo: '56789' });
  const settings = { region: 'us-east-1', repository, oidcProvider: 'exists', images: IMAGES, ...changes } as const;
  return synthesizedStack((app) => new BootstrapStack(app, 'bootstrap', settings));
}

const stack = synthesize();
const named = (type: string, name: string): Body =>
  all(stack, type).find((body) => body['name'] === name) ?? { missing: name };
const statementsOf = (body: Body): Statement[] =>
  (JSON.parse(String(body['policy'])) as { Statement: Statement[] }).Statement;
const subjectsOf = (role: string): unknown => {
  const trust = JSON.parse(String(named('aws_iam_role', role)['assume_role_policy'])) as { Statement: [Body] };
  return trust.Statement[0]['Condition'];
};

describe('the roles of GitHub’s runs', () => {
  it('are three, inside the boundary, for an hour', () => {
    const roles = all(stack, 'aws_iam_role');
    expect(roles.map(({ name }) => name).sort()).toEqual([
      'github-actions-ecr-push',
      'github-actions-terraform',
      'github-actions-terraform-plan',
    ]);
    for (const role of roles) {
      expect(role).toMatchObject({ max_session_duration: 3600 });
      expect(role['permissions_boundary']).toMatch(/^\$\{aws_iam_policy\.boundary_.*\.arn\}$/);
      expect(role).not.toHaveProperty('path'); // outside of ours, where the deployment may change roles
    }
  });

  it('have no more policies than IAM hangs on a role', () => {
    const attached = all(stack, 'aws_iam_role_policy_attachment').map(({ role }) => role);
    expect(attached).toHaveLength(8);
    for (const role of attached) expect(attached.filter((other) => other === role).length).toBeLessThanOrEqual(10);
  });

  it.each(['github-actions-terraform', 'github-actions-ecr-push'])('%s is for the main branch alone', (role) => {
    expect(subjectsOf(role)).toEqual({
      StringEquals: {
        'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
        'token.actions.githubusercontent.com:sub': [
          'repo:acme/imaging:ref:refs/heads/main',
          'repo:acme@1234/imaging@56789:ref:refs/heads/main',
        ],
      },
    });
  });

  it('github-actions-terraform-plan is for pull requests alone', () => {
    expect(subjectsOf('github-actions-terraform-plan')).toMatchObject({
      StringEquals: {
        'token.actions.githubusercontent.com:sub': [
          'repo:acme/imaging:pull_request',
          'repo:acme@1234/imaging@56789:pull_request',
        ],
      },
    });
  });

  it('push to exactly the repositories of this account', () => {
    const push = statementsOf(named('aws_iam_policy', 'github-actions-ecr-push-push'));
    const { Resource } = push.find(({ Sid }) => Sid === 'PushAndLookAt') ?? { Resource: [] };
    expect(Resource).toHaveLength(IMAGES.length);
    for (const arn of Resource) expect(arn).toMatch(/^\$\{aws_ecr_repository\.images_.*\.arn\}$/);
  });
});

it.each(all(stack, 'aws_iam_policy').map((body) => ({ name: body['name'], body })))(
  'the policy $name fits into what IAM takes, and every statement has its own name',
  ({ body }) => {
    const bytes = Buffer.byteLength(String(body['policy']).replace(ACCOUNT, '111122223333'));
    expect(bytes).toBeLessThanOrEqual(MANAGED_POLICY_BYTES_MAX);
    const sids = statementsOf(body).map(({ Sid }) => Sid);
    expect(new Set(sids).size).toBe(sids.length);
  },
);

describe('the boundary', () => {
  const boundary = named('aws_iam_policy', 'bpi-boundary');
  const denied = (sid: string) => statementsOf(boundary).find(({ Sid, Effect }) => Sid === sid && Effect === 'Deny');

  it('lies where the roles of services look for it, and stays', () => {
    expect(boundary).toMatchObject({ path: '/bpi/', lifecycle: { prevent_destroy: true } });
  });

  it('lets nobody make a role without it, lift it, or change it', () => {
    const arn = expect.stringMatching(/^arn:aws:iam::\$\{.*\}:policy\/bpi\/bpi-boundary$/);
    expect(denied('NoRoleWithoutThisBoundary')).toMatchObject({
      Action: ['iam:CreateRole', 'iam:PutRolePermissionsBoundary'],
      Resource: ['*'],
      Condition: { StringNotEquals: { 'iam:PermissionsBoundary': arn } },
    });
    expect(denied('NoWayOut')).toMatchObject({ Action: ['iam:DeleteRolePermissionsBoundary'], Resource: ['*'] });
    expect(denied('NeitherBoundaryNorRolesOfCi')).toMatchObject({
      Action: ['iam:*'],
      Resource: [arn, expect.stringMatching(/:role\/github-actions-\*$/)],
    });
  });

  it('gives nobody a shell, a start script or a disk', () => {
    expect(denied('NoShellsAndNoDisks')).toEqual({
      ...{ Sid: 'NoShellsAndNoDisks', Effect: 'Deny', Resource: ['*'] },
      Action: [
        ...['ec2:ModifyImageAttribute', 'ec2:ModifyInstanceAttribute', 'ec2:ModifySnapshotAttribute'],
        ...['ec2:StartInstances', 'ecs:ExecuteCommand'],
      ],
    });
  });

  it('knows no people, no issuers and no organization', () => {
    const actions = denied('NoPeopleAndNoIssuers')?.Action ?? [];
    expect(actions).toEqual(
      expect.arrayContaining(['iam:*User*', 'iam:*AccessKey*', 'iam:*OpenIDConnectProvider*', 'organizations:*']),
    );
  });

  it('keeps regional services in the region, and the rest to our names', () => {
    const [regional, ...others] = statementsOf(boundary).filter(({ Effect }) => Effect === 'Allow');
    expect(regional?.Condition).toEqual({ StringEquals: { 'aws:RequestedRegion': 'us-east-1' } });
    expect(others.filter(({ Resource }) => Resource.includes('*')).flatMap(({ Action }) => Action)).toEqual([
      ...['budgets:*', 'iam:CreateServiceLinkedRole', 'route53:*', 'sts:GetCallerIdentity'],
    ]);
  });
});

describe('a role of GitHub’s runs, inside the boundary,', () => {
  const boundary = statementsOf(named('aws_iam_policy', 'bpi-boundary'));
  const granted = all(stack, 'aws_iam_policy')
    .filter(({ name }) => name !== 'bpi-boundary')
    .flatMap((policy) => statementsOf(policy).map((statement) => ({ policy: policy['name'], statement })))
    .filter(({ statement }) => statement.Effect === 'Allow');

  it.each(granted)('may all that $policy $statement.Sid grants', ({ statement }) => {
    expect(outsideBoundary(boundary, statement)).toEqual([]);
  });

  it('may nothing else', () => {
    const statement = { Sid: 'More', Effect: 'Allow', Action: ['lambda:InvokeFunction'], Resource: ['*'] } as const;
    expect(outsideBoundary(boundary, statement)).toEqual(['lambda:InvokeFunction on *']);
    const elsewhere = 'arn:aws:iam::111122223333:role/other/*';
    expect(outsideBoundary(boundary, { ...statement, Action: ['iam:DeleteRole'], Resource: [elsewhere] })).toEqual([
      `iam:DeleteRole on ${elsewhere}`,
    ]);
  });
});

describe('the buckets of the account', () => {
  it('are for states and weights, and Terraform never deletes them', () => {
    const buckets = all(stack, 'aws_s3_bucket');
    expect(buckets.map(({ bucket }) => String(bucket).replace(ACCOUNT, 'ACCOUNT')).sort()).toEqual([
      'bpi-state-ACCOUNT',
      'bpi-weights-ACCOUNT',
    ]);
    for (const bucket of buckets) {
      expect(bucket).toMatchObject({ force_destroy: false, lifecycle: { prevent_destroy: true } });
    }
  });

  it('are versioned, and keep what was replaced for ninety days', () => {
    const versioning = all(stack, 'aws_s3_bucket_versioning');
    expect(versioning.map((body) => body['versioning_configuration'])).toEqual([
      { status: 'Enabled' },
      { status: 'Enabled' },
    ]);
    for (const { rule } of all(stack, 'aws_s3_bucket_lifecycle_configuration')) {
      expect(rule).toMatchObject([{ status: 'Enabled', noncurrent_version_expiration: [{ noncurrent_days: 90 }] }]);
      expect(JSON.stringify(rule)).not.toContain('"expiration"');
    }
  });

  it('are encrypted, closed to the public and reached by TLS only', () => {
    expect(all(stack, 'aws_s3_bucket_server_side_encryption_configuration')).toHaveLength(2);
    const closed = all(stack, 'aws_s3_bucket_public_access_block');
    expect(closed).toHaveLength(2);
    for (const each of closed) {
      expect(each).toMatchObject({ block_public_acls: true, block_public_policy: true });
      expect(each).toMatchObject({ ignore_public_acls: true, restrict_public_buckets: true });
    }
    for (const policy of all(stack, 'aws_s3_bucket_policy')) {
      expect(statementsOf(policy)).toMatchObject([
        { Effect: 'Deny', Principal: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      ]);
    }
  });
});

describe('the registry', () => {
  it('has a repository per image, whose tags never move and whose images are scanned and stay', () => {
    const repositories = all(stack, 'aws_ecr_repository');
    expect(repositories.map(({ name }) => name).sort()).toEqual([
      'bpi/api',
      'bpi/biomedparse',
      'bpi/brain-mri',
      'bpi/stager',
      'bpi/worker',
    ]);
    for (const repository of repositories) {
      expect(repository).toMatchObject({
        image_tag_mutability: 'IMMUTABLE',
        image_scanning_configuration: { scan_on_push: true },
        encryption_configuration: [{ encryption_type: 'AES256' }],
        force_delete: false,
        lifecycle: { prevent_destroy: true },
      });
    }
  });

  it('forgets images by their number only: one that is deployed may be old', () => {
    const policies = all(stack, 'aws_ecr_lifecycle_policy').map(({ policy }) => JSON.parse(String(policy)) as Body);
    expect(policies).toHaveLength(IMAGES.length);
    for (const { rules } of policies) {
      expect(rules).toMatchObject([{ selection: { countType: 'imageCountMoreThan', countNumber: IMAGES_KEPT } }]);
    }
  });
});

describe('the provider of GitHub’s tokens', () => {
  it('is found where the account has one', () => {
    expect(stack.resource).not.toHaveProperty('aws_iam_openid_connect_provider');
    expect(only(stack, 'aws_iam_openid_connect_provider')).toMatchObject({
      url: 'https://token.actions.githubusercontent.com',
    });
  });

  it('is made where the account has none, and stays', () => {
    const made = synthesize({ oidcProvider: 'create' });
    expect(made.data).not.toHaveProperty('aws_iam_openid_connect_provider');
    expect(only(made, 'aws_iam_openid_connect_provider')).toMatchObject({
      url: 'https://token.actions.githubusercontent.com',
      client_id_list: ['sts.amazonaws.com'],
      lifecycle: { prevent_destroy: true },
    });
  });
});

it('says what the commands and GitHub need to know', () => {
  expect(Object.keys(stack.output).sort()).toEqual([
    ...['account_id', 'ecr_push_role', 'state_bucket', 'terraform_plan_role', 'terraform_role', 'weights_bucket'],
  ]);
});
