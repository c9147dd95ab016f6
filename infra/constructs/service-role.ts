import { IamRole } from '@cdktf/provider-aws/lib/iam-role/index.js';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy/index.js';
import { Construct } from 'constructs';
import { allow, policyDocument, type Statement } from './policy.ts';
import { boundaryArn, IAM_PATH, type StackContext } from './stack-context.ts';

export type ServiceRoleSettings = {
  /** The last part of its name. */
  name: string;
  description: string;
  /** Who takes it, such as `ecs-tasks.amazonaws.com`. */
  service: string;
  statements: readonly Statement[];
};

/** A role that an AWS service takes for us, inside the account's boundary, taken in this account's name only. */
export class ServiceRole extends Construct {
  readonly arn: string;
  readonly name: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: ServiceRoleSettings) {
    super(scope, id);
    const role = new IamRole(this, 'role', {
      name: context.name(settings.name),
      description: settings.description,
      path: IAM_PATH,
      permissionsBoundary: boundaryArn(context.accountId),
      assumeRolePolicy: trustDocument(settings.service, context.accountId),
    });
    if (settings.statements.length > 0) {
      new IamRolePolicy(this, 'policy', {
        name: settings.name,
        role: role.name,
        policy: policyDocument([...settings.statements, ...keyUse(context, settings.statements)]),
      });
    }
    this.arn = role.arn;
    this.name = role.name;
  }
}

/** Whoever touches encrypted data also needs the key, if it is our own. */
function keyUse({ keyArn }: StackContext, statements: readonly Statement[]): Statement[] {
  const touchesData = statements.some(({ Action }) => Action.some((action) => /^(s3|sqs|dynamodb):/.test(action)));
  if (keyArn === null || !touchesData) return [];
  return [allow({ sid: 'UseTheKey', actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [keyArn] })];
}

/** A trust policy has no Resource. The instance service (ec2) sends no source account, so it is not asked for one. */
function trustDocument(service: string, accountId: string): string {
  const condition = service === 'ec2.amazonaws.com' ? {} : sourceAccount(accountId);
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole', ...condition }],
  });
}

function sourceAccount(accountId: string) {
  return { Condition: { StringEquals: { 'aws:SourceAccount': accountId } } };
}
