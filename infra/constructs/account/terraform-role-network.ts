import type { AccountContext } from './permissions-boundary.ts';
import { allow, type Statement } from '../policy.ts';
import { actionsOf, OF_NOBODY_ELSE, TAGGED_AS_OURS, TAGGED_OURS } from './terraform-role-writes.ts';

/** What is made with its tags in the same request. */
const MADE = [
  ...['CreateFlowLogs', 'CreateInternetGateway', 'CreateLaunchTemplate', 'CreateRouteTable', 'CreateSecurityGroup'],
  ...[
    'CreateSubnet',
    'CreateVpc',
    'CreateVpcEndpoint',
    'AuthorizeSecurityGroupEgress',
    'AuthorizeSecurityGroupIngress',
  ],
];

/**
 * Parts of a network have no names. What is made must be tagged as ours, and what is there must have been: EC2 checks a
 * request against both, such as a new subnet and the VPC that it is made in.
 * Source: "Actions, resources, and condition keys for Amazon EC2", Service Authorization Reference.
 */
export function networkWrites(context: AccountContext): Statement[] {
  return [made(context), changed(), ...tags(context), ...firstMachines(context)];
}

function made(context: AccountContext): Statement {
  return allow({
    sid: 'NetworkMake',
    actions: actionsOf('ec2', MADE),
    resources: partsOf(context, [
      ...['internet-gateway', 'launch-template', 'route-table', 'security-group', 'security-group-rule', 'subnet'],
      ...['vpc', 'vpc-endpoint', 'vpc-flow-log'],
    ]),
    condition: TAGGED_AS_OURS,
  });
}

function changed(): Statement {
  return allow({
    sid: 'AnyResourceNetworkChange',
    actions: actionsOf('ec2', [
      ...MADE.filter((action) => !['CreateInternetGateway', 'CreateLaunchTemplate', 'CreateVpc'].includes(action)),
      ...['AssociateRouteTable', 'AttachInternetGateway', 'CreateLaunchTemplateVersion', 'CreateRoute', 'CreateTags'],
      ...['DeleteFlowLogs', 'DeleteInternetGateway', 'DeleteLaunchTemplate'],
      ...['DeleteRoute', 'DeleteRouteTable', 'DeleteSecurityGroup', 'DeleteSubnet', 'DeleteTags', 'DeleteVpc'],
      ...['DeleteVpcEndpoints', 'DetachInternetGateway', 'DisassociateRouteTable', 'ModifyLaunchTemplate'],
      ...['ModifySecurityGroupRules', 'ModifySubnetAttribute', 'ModifyVpcAttribute', 'ModifyVpcEndpoint'],
      ...['ReplaceRoute', 'ReplaceRouteTableAssociation'],
    ]),
    resources: ['*'],
    condition: TAGGED_OURS,
    wildcardBecause: 'resources of a network have no names; the tag of this project limits it to ours',
  });
}

/** A tag makes a thing ours, so it is given when the thing is made. */
function tags(context: AccountContext): Statement[] {
  const { region, accountId } = context;
  return [
    allow({
      sid: 'TagsOfWhatIsMade',
      actions: ['ec2:CreateTags'],
      resources: [`arn:aws:ec2:${region}:${accountId}:*/*`],
      condition: { StringEquals: { 'ec2:CreateAction': [...MADE, 'RunInstances'] } },
    }),
    // A default security group is there with its VPC, before anybody could tag it. IAM cannot tell it from another one
    // without a tag of a project, which can be taken as ours for that reason.
    allow({
      sid: 'DefaultSecurityGroup',
      actions: actionsOf('ec2', ['CreateTags', 'RevokeSecurityGroupEgress', 'RevokeSecurityGroupIngress']),
      resources: partsOf(context, ['security-group']),
      condition: OF_NOBODY_ELSE,
    }),
    allow({
      sid: 'PrefixListsInRules', // S3's own, which rules lead to
      actions: ['ec2:ModifySecurityGroupRules'],
      resources: [`arn:aws:ec2:${region}:aws:prefix-list/*`],
    }),
  ];
}

/**
 * Auto Scaling tries a launch, without making it, in the name of whoever gives a group a launch template. Source:
 * "Control the use of Amazon EC2 launch templates in Amazon EC2 Auto Scaling groups", Amazon EC2 Auto Scaling User Guide.
 * Every launch from a template is also checked against the template, so only ours can be used.
 */
function firstMachines(context: AccountContext): Statement[] {
  const { region, accountId } = context;
  return [
    allow({
      sid: 'LaunchOurTemplates',
      actions: ['ec2:RunInstances'],
      resources: partsOf(context, ['launch-template', 'security-group', 'subnet']),
      condition: TAGGED_OURS,
    }),
    allow({
      sid: 'LaunchFromTemplates',
      actions: ['ec2:RunInstances'],
      resources: [
        ...partsOf(context, ['instance', 'network-interface', 'volume']),
        `arn:aws:ec2:${region}::image/*`,
        `arn:aws:ec2:${region}::snapshot/*`,
      ],
      condition: { ArnLike: { 'ec2:LaunchTemplate': `arn:aws:ec2:${region}:${accountId}:launch-template/*` } },
    }),
  ];
}

function partsOf({ region, accountId }: AccountContext, kinds: readonly string[]): string[] {
  return kinds.map((kind) => `arn:aws:ec2:${region}:${accountId}:${kind}/*`);
}
