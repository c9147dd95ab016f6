import { IamPolicy } from '@cdktf/provider-aws/lib/iam-policy/index.js';
import { Construct } from 'constructs';
import { allow, deny, policyDocument, type Statement } from '../policy.ts';
import { BOUNDARY_NAME, boundaryArn, IAM_PATH, PROJECT_PREFIX, type StackContext } from '../stack-context.ts';

/** What a block needs that belongs to the account and to no environment. */
export type AccountContext = Pick<StackContext, 'region' | 'accountId'>;

/** Roles of GitHub's runs begin so. They lie outside of our path: what may change roles there cannot change them. */
export const CI_ROLE_PREFIX = 'github-actions-';

/** Of bytes, as IAM counts them in a managed policy: without white space. */
export const MANAGED_POLICY_BYTES_MAX = 6_144;

/** The most that any role of ours may do, whatever its own policy says: the roles of services and those of CI. */
export class PermissionsBoundary extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, context: AccountContext) {
    super(scope, id);
    this.arn = new IamPolicy(this, 'policy', {
      name: BOUNDARY_NAME,
      path: IAM_PATH,
      description: 'The most that a role of this project may do. Managed by the bootstrap stack.',
      policy: policyDocument([...allowed(context), ...denied(context)]),
      lifecycle: { preventDestroy: true },
    }).arn;
  }
}

const WHY_WHOLE_SERVICES =
  'a boundary gives nothing: it names the services that roles may be given parts of, and each role says which parts';

function allowed({ region, accountId }: AccountContext): Statement[] {
  const inRegion = { StringEquals: { 'aws:RequestedRegion': region } };
  const ours = (service: string, name: string) => `arn:aws:${service}:${region}:${accountId}:${name}`;
  const bucket = `arn:aws:s3:::${PROJECT_PREFIX}-*`;
  return [
    allow({
      sid: 'AnyResourceOfTheseServices',
      actions: ['acm', 'apigateway', 'autoscaling', 'cloudwatch', 'ec2', 'ecs', 'elasticloadbalancing', 'events']
        .concat(['kms', 'logs', 'servicediscovery'])
        .map((service) => `${service}:*`)
        .concat('ecr:GetAuthorizationToken', 'ssm:GetParameter', 'ssm:GetParameters')
        // SNS checks these against no resource, so they fit no name of ours.
        .concat(['Get', 'Set'].map((verb) => `sns:${verb}SubscriptionAttributes`))
        .concat('sns:Unsubscribe'),
      resources: ['*'],
      condition: inRegion, // every one of them is regional
      wildcardBecause: WHY_WHOLE_SERVICES,
    }),
    allow({
      sid: 'OurData',
      actions: ['dynamodb:*', 'ecr:*', 's3:*', 'sns:*', 'sqs:*'],
      resources: [
        ours('dynamodb', `table/${PROJECT_PREFIX}-*`),
        ours('ecr', `repository/${PROJECT_PREFIX}/*`),
        ours('sns', `${PROJECT_PREFIX}-*`),
        ours('sqs', `${PROJECT_PREFIX}-*`),
        bucket,
      ],
      wildcardBecause: WHY_WHOLE_SERVICES,
    }),
    allow({
      sid: 'OurObjects',
      actions: ['s3:*'],
      resources: [`${bucket}/*`],
      // Anybody in the world may own a bucket whose name begins like ours.
      condition: { StringEquals: { 'aws:ResourceAccount': accountId } },
      wildcardBecause: WHY_WHOLE_SERVICES,
    }),
    allow({
      sid: 'AnyResourceOfGlobalServices',
      actions: ['budgets:*', 'route53:*', 'iam:CreateServiceLinkedRole', 'sts:GetCallerIdentity'],
      resources: ['*'],
      wildcardBecause: WHY_WHOLE_SERVICES,
    }),
    allow({
      sid: 'RolesOfOurPath',
      actions: ['iam:*'],
      resources: ['role', 'instance-profile'].map((kind) => `arn:aws:iam::${accountId}:${kind}${IAM_PATH}*`),
      wildcardBecause: WHY_WHOLE_SERVICES,
    }),
  ];
}

/**
 * No role of ours makes itself more than this, also if somebody widens the grants above. It is no wall around the account:
 * inside the services that are named, whoever may change policies reaches what their resources let them.
 */
function denied({ accountId }: AccountContext): Statement[] {
  const boundary = boundaryArn(accountId);
  return [
    deny({
      sid: 'NoRoleWithoutThisBoundary',
      actions: ['iam:CreateRole', 'iam:PutRolePermissionsBoundary'],
      resources: ['*'],
      condition: { StringNotEquals: { 'iam:PermissionsBoundary': boundary } },
    }),
    deny({ sid: 'NoWayOut', actions: ['iam:DeleteRolePermissionsBoundary'], resources: ['*'] }),
    deny({
      sid: 'NeitherBoundaryNorRolesOfCi',
      actions: ['iam:*'],
      resources: [boundary, `arn:aws:iam::${accountId}:role/${CI_ROLE_PREFIX}*`],
    }),
    deny({
      sid: 'NoPeopleAndNoIssuers',
      actions: [
        ...['User', 'Group', 'AccessKey', 'LoginProfile', 'MFADevice', 'SSHPublicKey', 'ServiceSpecificCredential'],
        ...['SigningCertificate', 'OpenIDConnectProvider', 'SAMLProvider', 'AccountPasswordPolicy', 'AccountAlias'],
      ]
        .map((kind) => `iam:*${kind}*`)
        .concat('account:*', 'organizations:*'),
      resources: ['*'],
    }),
    // A machine's start script can be changed while it stands still, and runs with the machine's role; a shell in a task
    // has the task's role; disks that are shared are read elsewhere.
    deny({
      sid: 'NoShellsAndNoDisks',
      actions: [
        ...['ec2:ModifyImageAttribute', 'ec2:ModifyInstanceAttribute', 'ec2:ModifySnapshotAttribute'],
        ...['ec2:StartInstances', 'ecs:ExecuteCommand'],
      ],
      resources: ['*'],
    }),
    deny({
      sid: 'BootstrapIsForPeople',
      actions: ['s3:*'],
      resources: [`arn:aws:s3:::${PROJECT_PREFIX}-state-${accountId}/bootstrap/*`],
    }),
  ];
}
