import type { AccountContext } from './permissions-boundary.ts';
import { allow, type Statement } from '../policy.ts';
import { PROJECT_PREFIX } from '../stack-context.ts';
import { apiPaths } from './terraform-reads.ts';

/** For resources that have no name to be known by: the provider tags all of ours. */
export const TAGGED_OURS = { StringEquals: { 'aws:ResourceTag/Project': PROJECT_PREFIX } };

/** For what is made, and gets its tags in the same request. */
export const TAGGED_AS_OURS = { StringEquals: { 'aws:RequestTag/Project': PROJECT_PREFIX } };

/** For what may be ours and have no tag yet. */
export const OF_NOBODY_ELSE = { StringEqualsIfExists: { 'aws:ResourceTag/Project': PROJECT_PREFIX } };

export function actionsOf(service: string, names: readonly string[]): string[] {
  return names.map((name) => `${service}:${name}`);
}

export function computeWrites({ region, accountId }: AccountContext): Statement[] {
  const ecs = (kind: string) => `arn:aws:ecs:${region}:${accountId}:${kind}/${PROJECT_PREFIX}-*`;
  const group = `arn:aws:autoscaling:${region}:${accountId}:autoScalingGroup:*:autoScalingGroupName/${PROJECT_PREFIX}-*`;
  return [
    allow({
      sid: 'Cluster',
      actions: actionsOf('ecs', [
        ...['CreateCluster', 'CreateService', 'DeleteCapacityProvider', 'DeleteCluster'],
        ...['DeleteService', 'DeleteTaskDefinitions', 'PutClusterCapacityProviders'],
        ...['StopTask', 'TagResource', 'UntagResource', 'UpdateCapacityProvider', 'UpdateCluster'],
        ...['UpdateClusterSettings', 'UpdateService'],
      ]),
      resources: ['capacity-provider', 'cluster', 'service', 'task', 'task-definition'].map(ecs),
    }),
    allow({
      sid: 'AnyResourceNewDefinitionsAndProviders',
      actions: ['ecs:CreateCapacityProvider', 'ecs:RegisterTaskDefinition'],
      resources: ['*'],
      condition: { StringEquals: { 'aws:RequestTag/Project': PROJECT_PREFIX } },
      wildcardBecause:
        'not every edition of the reference names a resource for them, so what is made must carry our tag',
    }),
    allow({
      sid: 'AnyResourceOldDefinitions',
      actions: ['ecs:DeregisterTaskDefinition'],
      resources: ['*'],
      wildcardBecause: 'ECS checks this action against no resource',
    }),
    allow({
      sid: 'Groups',
      actions: actionsOf('autoscaling', [
        ...['CreateAutoScalingGroup', 'CreateOrUpdateTags', 'DeleteAutoScalingGroup', 'DeleteTags'],
        ...['DisableMetricsCollection', 'EnableMetricsCollection', 'ResumeProcesses', 'SetInstanceProtection'],
        ...['SuspendProcesses', 'UpdateAutoScalingGroup'],
      ]),
      resources: [group],
    }),
    allow({
      sid: 'Logs',
      actions: actionsOf('logs', [
        ...['AssociateKmsKey', 'CreateLogGroup', 'DeleteLogGroup', 'DeleteRetentionPolicy', 'DisassociateKmsKey'],
        ...['PutRetentionPolicy', 'TagResource', 'UntagResource'],
      ]),
      resources: [`arn:aws:logs:${region}:${accountId}:log-group:/${PROJECT_PREFIX}/*`],
    }),
  ];
}

/** What the world meets: the API's address, its certificate and its name. */
export function edgeWrites({ region, accountId }: AccountContext): Statement[] {
  const balancing = (kind: string) => `arn:aws:elasticloadbalancing:${region}:${accountId}:${kind}/${PROJECT_PREFIX}-*`;
  return [
    allow({
      sid: 'Apis',
      actions: actionsOf('apigateway', ['DELETE', 'PATCH', 'POST', 'PUT']),
      resources: apiPaths(region), // without names
    }),
    allow({
      sid: 'Balancer',
      actions: actionsOf('elasticloadbalancing', [
        ...['AddTags', 'CreateListener', 'CreateLoadBalancer', 'CreateTargetGroup', 'DeleteListener'],
        ...['DeleteLoadBalancer', 'DeleteTargetGroup', 'ModifyListener', 'ModifyListenerAttributes'],
        ...[
          'ModifyLoadBalancerAttributes',
          'ModifyTargetGroup',
          'ModifyTargetGroupAttributes',
          'RemoveTags',
          'SetSecurityGroups',
          'SetSubnets',
        ],
      ]),
      resources: [balancing('listener/app'), balancing('loadbalancer/app'), balancing('targetgroup')],
    }),
    ...certificates(region, accountId),
    ...names(region, accountId),
    allow({
      sid: 'AnyResourceLogDelivery',
      actions: actionsOf('logs', [
        ...['CreateLogDelivery', 'DeleteLogDelivery', 'GetLogDelivery', 'ListLogDeliveries', 'PutResourcePolicy'],
        'UpdateLogDelivery',
      ]),
      resources: ['*'],
      wildcardBecause: 'log delivery takes no resource; the logs of the API’s calls are switched on with it',
    }),
  ];
}

function certificates(region: string, accountId: string): Statement[] {
  const certificate = `arn:aws:acm:${region}:${accountId}:certificate/*`;
  return [
    allow({
      sid: 'Certificates',
      actions: actionsOf('acm', ['AddTagsToCertificate', 'DeleteCertificate', 'RemoveTagsFromCertificate']),
      resources: [certificate],
      condition: TAGGED_OURS,
    }),
    allow({
      sid: 'AnyResourceNewCertificates',
      actions: ['acm:RequestCertificate'],
      resources: ['*'],
      condition: TAGGED_AS_OURS,
      wildcardBecause: 'a certificate that is asked for has no ARN yet; it must be tagged as ours',
    }),
    // One request does both. ACM knows no tags on creation only: certificates of nobody's tag can be taken as ours.
    allow({
      sid: 'TagNewCertificates',
      actions: ['acm:AddTagsToCertificate'],
      resources: [certificate],
      condition: { ...TAGGED_AS_OURS, ...OF_NOBODY_ELSE },
    }),
  ];
}

/** Types of records that our stacks have: the API's address, the proof of its certificate, the tasks in Cloud Map. */
const RECORD_TYPES = ['A', 'CNAME', 'SRV'];

function names(region: string, accountId: string): Statement[] {
  const discovery = (kind: string) => `arn:aws:servicediscovery:${region}:${accountId}:${kind}/*`;
  return [
    allow({
      sid: 'Namespaces',
      actions: actionsOf('servicediscovery', [
        ...['DeleteNamespace', 'DeleteService', 'DeregisterInstance'],
        ...['UpdatePrivateDnsNamespace', 'UpdateService'],
      ]),
      resources: ['namespace', 'service'].map(discovery),
      condition: TAGGED_OURS,
    }),
    allow({
      sid: 'AnyResourceNewNamespaces',
      actions: actionsOf('servicediscovery', ['CreatePrivateDnsNamespace', 'CreateService', 'TagResource']),
      resources: ['*'],
      condition: TAGGED_AS_OURS,
      wildcardBecause:
        'what is made has no ARN yet and must be tagged as ours; Cloud Map checks TagResource against no resource, so other namespaces can be taken as ours',
    }),
    allow({
      sid: 'AnyResourceOtherTags',
      actions: ['servicediscovery:UntagResource'],
      resources: ['*'],
      wildcardBecause: 'Cloud Map checks it against no resource and no tag of one, so it reaches the whole account',
    }),
    allow({
      sid: 'Records',
      actions: ['route53:ChangeResourceRecordSets'],
      resources: ['arn:aws:route53:::hostedzone/*'],
      // Of every zone in the account: which ones are ours nobody knows here, and zones have no tags for IAM. Not their
      // mail, their texts or their delegations.
      condition: { 'ForAllValues:StringEquals': { 'route53:ChangeResourceRecordSetsRecordTypes': RECORD_TYPES } },
    }),
    allow({
      sid: 'AnyResourceZones',
      actions: actionsOf('route53', [
        ...['AssociateVPCWithHostedZone', 'CreateHostedZone', 'DeleteHostedZone', 'DisassociateVPCFromHostedZone'],
      ]),
      resources: ['*'],
      wildcardBecause:
        'Cloud Map and endpoints make private zones in the caller’s name; Route 53 knows neither prefix nor tag of a zone, so every zone of the account that is empty can be deleted',
    }),
  ];
}
