import type { AccountContext } from './permissions-boundary.ts';
import { allow, type Statement } from '../policy.ts';
import { IAM_PATH, PROJECT_PREFIX } from '../stack-context.ts';

/** Environments that GitHub's runs may plan and deploy. */
export const ENVIRONMENTS = ['dev', 'prod'] as const;

/** Objects of the state bucket, per environment: `terraform.tfstate`, and its lock while somebody writes. */
export function stateObjects(accountId: string, file: 'terraform.tfstate' | 'terraform.tfstate.tflock'): string[] {
  return ENVIRONMENTS.map((environment) => `${stateBucket(accountId)}/${environment}/${file}`);
}

/** How a plan sees what is there: settings of resources, and no data in them. */
export function terraformReads(context: AccountContext): Statement[] {
  return [...settingsByName(context), ...settingsOfAll(), ...state(context)];
}

/** Where HTTP APIs, their domains and their links into a VPC are, and the tags of all three. */
export function apiPaths(region: string): string[] {
  return ['apis', 'domainnames', 'tags', 'vpclinks'].flatMap((kind) => [
    `arn:aws:apigateway:${region}::/${kind}`,
    `arn:aws:apigateway:${region}::/${kind}/*`,
  ]);
}

function stateBucket(accountId: string): string {
  return `arn:aws:s3:::${PROJECT_PREFIX}-state-${accountId}`;
}

function state({ accountId }: AccountContext): Statement[] {
  return [
    allow({ sid: 'State', actions: ['s3:GetObject'], resources: stateObjects(accountId, 'terraform.tfstate') }),
    allow({ sid: 'StateBucket', actions: ['s3:ListBucket'], resources: [stateBucket(accountId)] }),
  ];
}

function settingsByName({ region, accountId }: AccountContext): Statement[] {
  const ours = (service: string, name: string) => `arn:aws:${service}:${region}:${accountId}:${name}`;
  return [
    allow({
      sid: 'ReadBuckets',
      actions: ['s3:GetAccelerateConfiguration', 's3:GetBucket*', 's3:GetEncryptionConfiguration']
        .concat(['s3:GetLifecycleConfiguration', 's3:GetReplicationConfiguration', 's3:ListTagsForResource'])
        .concat('s3:ListBucket'),
      resources: ENVIRONMENTS.map((environment) => `arn:aws:s3:::${PROJECT_PREFIX}-${environment}-*`),
      wildcardBecause: 'the provider asks for every setting of a bucket, and GetBucket* gives settings only',
    }),
    allow({
      sid: 'ReadTablesQueuesTopics',
      actions: ['dynamodb:Describe*', 'dynamodb:ListTagsOfResource', 'sns:GetTopicAttributes']
        .concat(['sns:ListTagsForResource', 'sqs:GetQueueAttributes', 'sqs:ListQueueTags'])
        .concat('sns:ListSubscriptionsByTopic'),
      resources: [ours('dynamodb', `table/${PROJECT_PREFIX}-*`)].concat(
        ['sns', 'sqs'].map((service) => ours(service, `${PROJECT_PREFIX}-*`)),
      ),
      wildcardBecause: 'the provider asks for every setting of a table, and Describe* gives no items',
    }),
    allow({
      sid: 'ReadRoles',
      actions: ['GetInstanceProfile', 'GetRole', 'GetRolePolicy', 'ListAttachedRolePolicies']
        .concat('ListInstanceProfilesForRole', 'ListRolePolicies')
        .map((action) => `iam:${action}`),
      resources: ['role', 'instance-profile'].map((kind) => `arn:aws:iam::${accountId}:${kind}${IAM_PATH}*`),
    }),
    allow({
      sid: 'ReadTheMachineImage',
      actions: ['ssm:GetParameter'],
      resources: [`arn:aws:ssm:${region}::parameter/aws/service/ecs/optimized-ami/*`], // AWS's own: no account in it
    }),
    // Not all of API Gateway: keys of other people's APIs are among it.
    allow({ sid: 'ReadApis', actions: ['apigateway:GET'], resources: apiPaths(region) }),
  ];
}

/** These services know no names, or ask for them all; what they answer are settings. */
function settingsOfAll(): Statement[] {
  return [
    allow({
      sid: 'AnyResourceRead',
      actions: ['acm:DescribeCertificate', 'acm:ListTagsForCertificate', 'autoscaling:Describe*']
        .concat(['budgets:ListTagsForResource', 'budgets:ViewBudget', 'cloudwatch:DescribeAlarms'])
        .concat(['cloudwatch:ListTagsForResource', 'ec2:Describe*', 'ecs:Describe*', 'ecs:List*'])
        .concat(['elasticloadbalancing:Describe*', 'events:DescribeRule', 'events:ListTagsForResource'])
        .concat(['events:ListTargetsByRule', 'kms:DescribeKey', 'kms:GetKeyPolicy', 'kms:GetKeyRotationStatus'])
        .concat(['kms:ListAliases', 'kms:ListResourceTags', 'logs:DescribeLogGroups', 'logs:ListTagsForResource'])
        .concat(['logs:DescribeResourcePolicies', 'route53:GetChange', 'route53:GetHostedZone'])
        .concat(['route53:ListHostedZones*', 'route53:ListResourceRecordSets', 'route53:ListTagsForResource'])
        .concat(['servicediscovery:Get*', 'servicediscovery:List*', 'sns:GetSubscriptionAttributes']),
      resources: ['*'],
      wildcardBecause: 'these reads take no resource, or one whose id nobody knows beforehand; they give settings only',
    }),
  ];
}
