import type { AccountContext } from './permissions-boundary.ts';
import { allow, type Statement } from '../policy.ts';
import { boundaryArn, IAM_PATH } from '../stack-context.ts';
import { stateObjects, terraformReads } from './terraform-reads.ts';
import { dataWrites } from './terraform-role-data.ts';
import { networkWrites } from './terraform-role-network.ts';
import { computeWrites, edgeWrites } from './terraform-role-writes.ts';

/**
 * What a deployment may do: make and change the stacks of the environments. It has no action that reads patients' data or
 * deletes production's, it cannot change the bootstrap stack, and it gives no role more than the boundary.
 *
 * That holds off mistakes, not whoever holds main: who may write the policy of a bucket or of a key, its lifecycle, and
 * roles with their code gets at the data by these. Whoever holds main holds production. And what goes by neither name nor
 * tag here (HTTP APIs, zones and their records) may be another project's: give this one an account of its own.
 */
export function terraformRolePolicies(context: AccountContext): Record<string, Statement[]> {
  return {
    reads: terraformReads(context),
    network: networkWrites(context),
    machines: computeWrites(context),
    edge: [...edgeWrites(context), ...roleWrites(context)],
    data: [...dataWrites(context), ...stateWrites(context)],
  };
}

/** Services that our roles are handed to. */
const ROLE_TAKERS = ['ec2.amazonaws.com', 'ecs-tasks.amazonaws.com', 'vpc-flow-logs.amazonaws.com'];

/** Services that make a role of their own the first time that an account uses them. */
const SERVICE_LINKED = [
  ...['autoscaling.amazonaws.com', 'ecs.amazonaws.com', 'elasticloadbalancing.amazonaws.com'],
  ...['ops.apigateway.amazonaws.com', 'spot.amazonaws.com'],
];

function stateWrites({ accountId }: AccountContext): Statement[] {
  const locks = stateObjects(accountId, 'terraform.tfstate.tflock');
  return [
    allow({ sid: 'StateWrite', actions: ['s3:PutObject'], resources: stateObjects(accountId, 'terraform.tfstate') }),
    allow({ sid: 'Lock', actions: ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'], resources: locks }),
  ];
}

function roleWrites({ accountId }: AccountContext): Statement[] {
  const ours = (kind: string) => `arn:aws:iam::${accountId}:${kind}${IAM_PATH}*`;
  const iam = (actions: readonly string[]) => actions.map((action) => `iam:${action}`);
  return [
    allow({
      sid: 'RolesInsideTheBoundary',
      actions: iam(['CreateRole', 'DeleteRolePolicy', 'PutRolePermissionsBoundary', 'PutRolePolicy']),
      resources: [ours('role')],
      condition: { StringEquals: { 'iam:PermissionsBoundary': boundaryArn(accountId) } },
    }),
    allow({
      sid: 'RolesAndProfiles',
      actions: iam([
        ...['AddRoleToInstanceProfile', 'CreateInstanceProfile', 'DeleteInstanceProfile', 'DeleteRole'],
        ...['RemoveRoleFromInstanceProfile', 'TagInstanceProfile', 'TagRole', 'UntagInstanceProfile', 'UntagRole'],
        ...['UpdateAssumeRolePolicy', 'UpdateRole', 'UpdateRoleDescription'],
      ]),
      resources: [ours('role'), ours('instance-profile')],
    }),
    allow({
      sid: 'HandRolesToServices',
      actions: ['iam:PassRole'],
      resources: [ours('role')],
      condition: { StringEquals: { 'iam:PassedToService': ROLE_TAKERS } },
    }),
    allow({
      sid: 'RolesOfServices',
      actions: ['iam:CreateServiceLinkedRole'],
      resources: [`arn:aws:iam::${accountId}:role/aws-service-role/*`],
      condition: { StringEquals: { 'iam:AWSServiceName': SERVICE_LINKED } },
    }),
  ];
}
