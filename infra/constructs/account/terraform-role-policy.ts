import type { AccountContext } from './permissions-boundary.ts';
import { allow, type Statement } from '../policy.ts';
import { boundaryArn, IAM_PATH } from '../stack-context.ts';
import { stateObjects, terraformReads } from './terraform-reads.ts';
import { dataWrites } from './terraform-role-data.ts';
import { computeWrites, edgeWrites, networkWrites } from './terraform-role-writes.ts';

/**
 * What a deployment may do: make and change the stacks of the environments, and nothing that is not theirs. It cannot
 * read patients' data, delete production's, change the bootstrap stack, or give a role more than the boundary.
 */
export function terraformRolePolicies(context: AccountContext): Record<string, Statement[]> {
  return {
    reads: terraformReads(context),
    machines: [...networkWrites(), ...computeWrites(context)],
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
