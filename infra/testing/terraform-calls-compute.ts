import { ACCOUNT_ID } from './applied.ts';
import {
  and,
  bare,
  fresh,
  GROUP,
  IN_BOUNDARY,
  known,
  passRole,
  serviceLinked,
  simple,
  type Row,
} from './terraform-asks.ts';

/** Rows of machines, tasks and their roles. */
export const COMPUTE_ROWS: Readonly<Record<string, Row>> = { ...compute(), ...roles() };

function compute(): Record<string, Row> {
  const ecs = (arn: string, [create, read, update, remove]: readonly [string, string, string, string]): Row =>
    simple(`ecs:${arn}`, [`ecs:${create} TagResource`, `ecs:${read}`, `ecs:${update}`, `ecs:${remove}`]);
  const service = 'service/bpi-{env}-cluster/{name}';
  return {
    aws_autoscaling_group: and(
      simple(GROUP, [
        'autoscaling:CreateAutoScalingGroup CreateOrUpdateTags',
        '',
        'autoscaling:UpdateAutoScalingGroup CreateOrUpdateTags DeleteTags',
        'autoscaling:DeleteAutoScalingGroup UpdateAutoScalingGroup',
      ]),
      {
        create: [serviceLinked('autoscaling.amazonaws.com'), bare('ec2:DescribeLaunchTemplates', '*')],
        read: [bare('autoscaling:DescribeAutoScalingGroups DescribeScalingActivities DescribeWarmPool', '*')],
      },
    ),
    aws_ecs_capacity_provider: and(
      ecs('capacity-provider/{name}', [
        'CreateCapacityProvider',
        'DescribeCapacityProviders',
        'UpdateCapacityProvider TagResource UntagResource',
        'DeleteCapacityProvider',
      ]),
      // ECS tags the group in the caller's name: "Create an Amazon ECS capacity provider".
      { create: [known('autoscaling:CreateOrUpdateTags', GROUP)] },
    ),
    aws_ecs_cluster: and(
      ecs('cluster/{name}', [
        'CreateCluster',
        'DescribeClusters',
        'UpdateCluster UpdateClusterSettings TagResource UntagResource',
        'DeleteCluster',
      ]),
      { create: [serviceLinked('ecs.amazonaws.com')] },
    ),
    aws_ecs_cluster_capacity_providers: {
      create: [known('ecs:PutClusterCapacityProviders', 'ecs:cluster/{name}')],
      read: [known('ecs:DescribeClusters', 'ecs:cluster/{name}')],
      update: [known('ecs:PutClusterCapacityProviders', 'ecs:cluster/{name}')],
      delete: [known('ecs:PutClusterCapacityProviders', 'ecs:cluster/{name}')],
    },
    aws_ecs_service: and(
      ecs(service, ['CreateService', 'DescribeServices', 'UpdateService TagResource UntagResource', 'DeleteService']),
      { create: [passRole('ecs-tasks.amazonaws.com')], delete: [known('ecs:UpdateService', `ecs:${service}`)] },
    ),
    aws_ecs_task_definition: {
      create: [
        fresh('ecs:RegisterTaskDefinition TagResource', 'ecs:task-definition/{name}:1'),
        passRole('ecs-tasks.amazonaws.com'),
      ],
      read: [bare('ecs:DescribeTaskDefinition', '*')],
      update: [known('ecs:TagResource UntagResource', 'ecs:task-definition/{name}:1')],
      delete: [bare('ecs:DeregisterTaskDefinition', '*')],
    },
  };
}

function roles(): Record<string, Row> {
  const role = `arn:aws:iam::${ACCOUNT_ID}:role/bpi/{name}`;
  const profile = `arn:aws:iam::${ACCOUNT_ID}:instance-profile/bpi/{name}`;
  return {
    aws_iam_instance_profile: and(
      simple(profile, [
        'iam:CreateInstanceProfile TagInstanceProfile AddRoleToInstanceProfile',
        'iam:GetInstanceProfile',
        'iam:TagInstanceProfile UntagInstanceProfile',
        'iam:RemoveRoleFromInstanceProfile DeleteInstanceProfile',
      ]),
      { create: [passRole('ec2.amazonaws.com')], read: [known('iam:GetRole', role)] },
    ),
    aws_iam_role: {
      create: [fresh('iam:CreateRole', role, IN_BOUNDARY), fresh('iam:TagRole', role)],
      read: [known('iam:GetRole ListRolePolicies ListAttachedRolePolicies GetRolePolicy', role)],
      update: [
        known('iam:UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription TagRole UntagRole', role),
        known('iam:PutRolePermissionsBoundary', role, IN_BOUNDARY),
      ],
      delete: [known('iam:ListInstanceProfilesForRole DeleteRole', role)],
    },
    aws_iam_role_policy: {
      create: [known('iam:PutRolePolicy', role, IN_BOUNDARY)],
      read: [known('iam:GetRolePolicy', role)],
      update: [known('iam:PutRolePolicy', role, IN_BOUNDARY)],
      delete: [known('iam:DeleteRolePolicy', role, IN_BOUNDARY)],
    },
  };
}
