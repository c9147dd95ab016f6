import { KmsAlias } from '@cdktf/provider-aws/lib/kms-alias/index.js';
import { KmsKey } from '@cdktf/provider-aws/lib/kms-key/index.js';
import { Construct } from 'constructs';
import { ALERT_TOPIC } from '../watch/alert-topic.ts';
import { allow, policyDocument, type Statement } from '../policy.ts';
import { DEPLOYMENT_ROLE, PROJECT_PREFIX, type StackContext } from '../stack-context.ts';

/** Made before there is a whole context, which holds the key's ARN. */
type KeyContext = Pick<StackContext, 'name' | 'region' | 'accountId'>;

export type EncryptionKeySettings = {
  /** Whether the key may go, and what it encrypted with it. */
  destroyWithContents: boolean;
};

/** As long as KMS lets one wait: without the key everything that it encrypted is lost. */
const DELETION_WINDOW_DAYS = 30;

const THIS_KEY = 'in the policy of a key, * is that key and nothing else';
const USE = ['kms:Decrypt', 'kms:GenerateDataKey'];
const USE_WITH_BLOCKS = [
  ...['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'],
  ...['kms:GenerateDataKeyWithoutPlaintext', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'],
];

/** The environment's own key, for everything that holds data: bucket, table, queues, logs, alerts, machines' disks. */
export class EncryptionKey extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, context: KeyContext, { destroyWithContents }: EncryptionKeySettings) {
    super(scope, id);
    const key = new KmsKey(this, 'key', {
      description: `Everything of ${context.name('*')} that holds data`,
      enableKeyRotation: true,
      deletionWindowInDays: DELETION_WINDOW_DAYS,
      policy: policyDocument([
        administration(context),
        deployment(context),
        ...serviceUse(context),
        ...machineUse(context),
      ]),
      // A key that is replaced takes everything that it encrypted with it, thirty days later.
      ...(destroyWithContents ? {} : { lifecycle: { preventDestroy: true } }),
    });
    new KmsAlias(this, 'alias', { name: `alias/${context.name('data')}`, targetKeyId: key.keyId });
    this.arn = key.arn;
  }
}

/** Without it nobody could ever change the key again; our roles get their use of it from their own policies. */
function administration({ accountId }: KeyContext): Statement {
  return allow({
    sid: 'AnyResourceAccount',
    principal: { AWS: `arn:aws:iam::${accountId}:root` },
    actions: ['kms:*'],
    resources: ['*'],
    wildcardBecause: `the account administers its key and lets its policies say who may use it; ${THIS_KEY}`,
  });
}

/**
 * What a deployment does right after it made the key. Its own rights hang on the key's tag, and KMS may take minutes to
 * see a tag ("ABAC for AWS KMS"). Deleting the key is not among them.
 */
function deployment({ accountId }: KeyContext): Statement {
  return allow({
    sid: 'AnyResourceDeployment',
    principal: { AWS: `arn:aws:iam::${accountId}:role/${DEPLOYMENT_ROLE}` },
    actions: [
      ...['kms:DescribeKey', 'kms:EnableKeyRotation', 'kms:GetKeyPolicy', 'kms:GetKeyRotationStatus'],
      ...['kms:CreateAlias', 'kms:ListResourceTags', 'kms:PutKeyPolicy'],
    ],
    resources: ['*'],
    wildcardBecause: THIS_KEY,
  });
}

/** Services that come in their own name. SNS is none of them: it uses the key for whoever publishes. */
function serviceUse({ name, region, accountId }: KeyContext): Statement[] {
  const logGroups = `arn:aws:logs:${region}:${accountId}:log-group:/${PROJECT_PREFIX}/*`;
  const topic = `arn:aws:sns:${region}:${accountId}:${name(ALERT_TOPIC)}`;
  return [
    // Source: "Encrypt log data in CloudWatch Logs using AWS KMS", Amazon CloudWatch Logs User Guide.
    useBy('AnyResourceLogs', `logs.${region}.amazonaws.com`, USE_WITH_BLOCKS, {
      ArnLike: { 'kms:EncryptionContext:aws:logs:arn': logGroups },
    }),
    // Source: "My rule ran but I don't see any messages published into my Amazon SQS queue", EventBridge User Guide. Without
    // a condition, as there: EventBridge names no source to KMS. Which rules may send is in the queue's own policy.
    useBy('AnyResourceEvents', 'events.amazonaws.com', USE),
    // Source: "Managing Amazon SNS encryption keys and costs". The context, which SNS adds, holds it to our own topic.
    useBy('AnyResourceAlarms', 'cloudwatch.amazonaws.com', USE, {
      StringEquals: { 'kms:EncryptionContext:aws:sns:topicArn': topic },
    }),
  ];
}

/**
 * Machines with encrypted disks are launched by Auto Scaling's own role. It has to be there before the key: an account
 * that never had a group makes it with `aws iam create-service-linked-role --aws-service-name autoscaling.amazonaws.com`.
 * Source: "Required AWS KMS key policy for use with encrypted volumes", Amazon EC2 Auto Scaling User Guide; its
 * `ReEncrypt*` and `GenerateDataKey*` are spelled out.
 */
function machineUse({ accountId }: KeyContext): Statement[] {
  const role = 'aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling';
  const common = {
    principal: { AWS: `arn:aws:iam::${accountId}:role/${role}` },
    resources: ['*'],
    wildcardBecause: THIS_KEY,
  };
  return [
    allow({ ...common, sid: 'AnyResourceMachines', actions: USE_WITH_BLOCKS }),
    allow({
      ...common,
      sid: 'AnyResourceMachineGrants',
      actions: ['kms:CreateGrant'],
      condition: { Bool: { 'kms:GrantIsForAWSResource': 'true' } },
    }),
  ];
}

function useBy(
  sid: string,
  service: string,
  actions: readonly string[],
  condition?: Statement['Condition'],
): Statement {
  return allow({
    sid,
    principal: { Service: service },
    actions,
    resources: ['*'],
    ...(condition === undefined ? {} : { condition }),
    wildcardBecause: THIS_KEY,
  });
}
