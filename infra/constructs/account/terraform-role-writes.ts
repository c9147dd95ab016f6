import type { AccountContext } from './permissions-boundary.ts';
import { allow, type Statement } from '../policy.ts';
import { PROJECT_PREFIX } from '../stack-context.ts';

/** For resources that have no name to be known by: the provider tags all of ours. */
export const TAGGED_OURS = { StringEquals: { 'aws:ResourceTag/Project': PROJECT_PREFIX } };

export function actionsOf(service: string, names: readonly string[]): string[] {
  return names.map((name) => `${service}:${name}`);
}

export function networkWrites(): Statement[] {
  return [
    allow({
      sid: 'AnyResourceNetworkMake',
      actions: actionsOf('ec2', [
        ...['AssociateRouteTable', 'AttachInternetGateway', 'AuthorizeSecurityGroupEgress'],
        ...['AuthorizeSecurityGroupIngress', 'CreateFlowLogs', 'CreateInternetGateway', 'CreateLaunchTemplate'],
        ...['CreateRoute', 'CreateRouteTable', 'CreateSecurityGroup', 'CreateSubnet', 'CreateTags', 'CreateVpc'],
        ...['CreateVpcEndpoint', 'RevokeSecurityGroupEgress', 'RevokeSecurityGroupIngress', 'RunInstances'],
      ]),
      resources: ['*'],
      wildcardBecause:
        'what is made has no id yet; a default security group has no tag yet when it is closed; Auto Scaling checks RunInstances of whoever names a launch template',
    }),
    allow({
      sid: 'AnyResourceNetworkChange',
      actions: actionsOf('ec2', [
        ...['CreateLaunchTemplateVersion', 'DeleteFlowLogs', 'DeleteInternetGateway', 'DeleteLaunchTemplate'],
        ...['DeleteLaunchTemplateVersions', 'DeleteRoute', 'DeleteRouteTable', 'DeleteSecurityGroup', 'DeleteSubnet'],
        ...['DeleteTags', 'DeleteVpc', 'DeleteVpcEndpoints', 'DetachInternetGateway', 'DisassociateRouteTable'],
        ...['ModifyLaunchTemplate', 'ModifySecurityGroupRules', 'ModifySubnetAttribute', 'ModifyVpcAttribute'],
        ...['ModifyVpcEndpoint', 'ReplaceRoute', 'ReplaceRouteTableAssociation'],
        'UpdateSecurityGroupRuleDescriptionsEgress',
        'UpdateSecurityGroupRuleDescriptionsIngress',
      ]),
      resources: ['*'],
      condition: TAGGED_OURS,
      wildcardBecause: 'resources of a network have no names; the tag of this project limits it to ours',
    }),
  ];
}

export function computeWrites({ region, accountId }: AccountContext): Statement[] {
  const ecs = (kind: string) => `arn:aws:ecs:${region}:${accountId}:${kind}/${PROJECT_PREFIX}-*`;
  const group = `arn:aws:autoscaling:${region}:${accountId}:autoScalingGroup:*:autoScalingGroupName/${PROJECT_PREFIX}-*`;
  return [
    allow({
      sid: 'Cluster',
      actions: actionsOf('ecs', [
        ...['CreateCapacityProvider', 'CreateCluster', 'CreateService', 'DeleteCapacityProvider', 'DeleteCluster'],
        ...['DeleteService', 'DeleteTaskDefinitions', 'PutClusterCapacityProviders', 'RegisterTaskDefinition'],
        ...['StopTask', 'TagResource', 'UntagResource', 'UpdateCapacityProvider', 'UpdateCluster'],
        ...['UpdateClusterSettings', 'UpdateService'],
      ]),
      resources: ['capacity-provider', 'cluster', 'service', 'task', 'task-definition'].map(ecs),
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
        ...['DisableMetricsCollection', 'EnableMetricsCollection', 'SetInstanceProtection', 'UpdateAutoScalingGroup'],
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
      actions: actionsOf('apigateway', ['DELETE', 'PATCH', 'POST', 'PUT', 'TagResource', 'UntagResource']),
      resources: ['apis', 'domainnames', 'tags', 'vpclinks'].flatMap((kind) => [
        `arn:aws:apigateway:${region}::/${kind}`,
        `arn:aws:apigateway:${region}::/${kind}/*`,
      ]),
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
    allow({
      sid: 'Certificates',
      actions: actionsOf('acm', ['DeleteCertificate', 'RemoveTagsFromCertificate']),
      resources: [`arn:aws:acm:${region}:${accountId}:certificate/*`],
      condition: TAGGED_OURS,
    }),
    allow({
      sid: 'AnyResourceNamesAndLogDelivery',
      actions: [
        ...actionsOf('acm', ['AddTagsToCertificate', 'RequestCertificate']), // one request does both
        ...actionsOf('logs', ['CreateLogDelivery', 'DeleteLogDelivery', 'GetLogDelivery', 'ListLogDeliveries']),
        ...actionsOf('logs', ['PutResourcePolicy', 'UpdateLogDelivery']),
        ...actionsOf('route53', ['AssociateVPCWithHostedZone', 'ChangeResourceRecordSets', 'ChangeTagsForResource']),
        ...actionsOf('route53', ['CreateHostedZone', 'DeleteHostedZone', 'DisassociateVPCFromHostedZone']),
        ...actionsOf('servicediscovery', ['CreatePrivateDnsNamespace', 'CreateService', 'DeleteNamespace']),
        ...actionsOf('servicediscovery', ['DeleteService', 'DeleteServiceAttributes', 'TagResource', 'UntagResource']),
        ...actionsOf('servicediscovery', ['UpdatePrivateDnsNamespace', 'UpdateService']),
      ],
      resources: ['*'],
      wildcardBecause:
        'ids of certificates, zones and namespaces are made by AWS and have no prefix; log delivery takes no resource',
    }),
  ];
}
