import type { AccountContext } from './permissions-boundary.ts';
import { allow, type Statement } from '../policy.ts';
import { PROJECT_PREFIX } from '../stack-context.ts';
import { ENVIRONMENTS } from './terraform-reads.ts';
import { actionsOf, OF_NOBODY_ELSE, TAGGED_AS_OURS, TAGGED_OURS } from './terraform-role-writes.ts';

/** The one environment that may be destroyed, with what is in it. */
const DESTRUCTIBLE_ENVIRONMENT = 'dev';
const DESTRUCTIBLE = `${PROJECT_PREFIX}-${DESTRUCTIBLE_ENVIRONMENT}-*`;

/** Buckets, tables, queues, and who is told about them. No action here gives an object, an item or a message. */
export function dataWrites(context: AccountContext): Statement[] {
  return [...storage(context), ...destruction(context), ...messages(context), ...keys(context)];
}

function storage({ region, accountId }: AccountContext): Statement[] {
  return [
    allow({
      sid: 'Buckets',
      actions: actionsOf('s3', [
        ...['CreateBucket', 'DeleteBucketPolicy', 'PutBucketCORS', 'PutBucketLogging', 'PutBucketOwnershipControls'],
        ...['PutBucketPolicy', 'PutBucketPublicAccessBlock', 'PutBucketTagging', 'PutBucketVersioning'],
        ...['PutEncryptionConfiguration', 'PutLifecycleConfiguration', 'TagResource', 'UntagResource'],
      ]),
      resources: ENVIRONMENTS.map((environment) => `arn:aws:s3:::${PROJECT_PREFIX}-${environment}-*`),
    }),
    allow({
      sid: 'Tables',
      actions: actionsOf('dynamodb', [
        ...['CreateTable', 'TagResource', 'UntagResource', 'UpdateContinuousBackups', 'UpdateTable'],
        'UpdateTimeToLive',
      ]),
      resources: [`arn:aws:dynamodb:${region}:${accountId}:table/${PROJECT_PREFIX}-*`],
    }),
  ];
}

/**
 * Production's data is deleted by people only. This holds off mistakes, such as a plan that replaces a table; see
 * `terraformRolePolicies` for what it does not hold off.
 */
function destruction({ region, accountId }: AccountContext): Statement[] {
  const bucket = `arn:aws:s3:::${DESTRUCTIBLE}`;
  return [
    allow({
      sid: 'DeleteData',
      actions: ['dynamodb:DeleteTable', 's3:DeleteBucket', 's3:ListBucketVersions'],
      resources: [bucket, `arn:aws:dynamodb:${region}:${accountId}:table/${DESTRUCTIBLE}`],
    }),
    allow({
      sid: 'EmptyBucket',
      actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
      resources: [`${bucket}/*`],
    }),
  ];
}

function messages({ region, accountId }: AccountContext): Statement[] {
  const ours = (service: string, name: string) => `arn:aws:${service}:${region}:${accountId}:${name}`;
  return [
    allow({
      sid: 'QueuesTopicsAlarms',
      actions: [
        ...actionsOf('sqs', ['CreateQueue', 'DeleteQueue', 'SetQueueAttributes', 'TagQueue', 'UntagQueue']),
        ...actionsOf('sns', ['CreateTopic', 'DeleteTopic', 'SetTopicAttributes', 'Subscribe', 'TagResource']),
        'sns:UntagResource',
        ...actionsOf('cloudwatch', ['DeleteAlarms', 'PutMetricAlarm', 'TagResource', 'UntagResource']),
        ...actionsOf('events', ['DeleteRule', 'PutRule', 'PutTargets', 'RemoveTargets', 'TagResource']),
        'events:UntagResource',
      ],
      resources: [
        ...['sns', 'sqs'].map((service) => ours(service, `${PROJECT_PREFIX}-*`)),
        ours('cloudwatch', `alarm:${PROJECT_PREFIX}-*`),
        ours('events', `rule/${PROJECT_PREFIX}-*`),
      ],
    }),
    allow({
      sid: 'AnyResourceSubscriptions',
      actions: actionsOf('sns', ['SetSubscriptionAttributes', 'Unsubscribe']),
      resources: ['*'],
      wildcardBecause:
        'SNS checks these against no resource: a subscription is known by its own ARN, which IAM ignores',
    }),
    allow({
      sid: 'Budgets',
      actions: actionsOf('budgets', ['ModifyBudget', 'TagResource', 'UntagResource']),
      resources: [`arn:aws:budgets::${accountId}:budget/${PROJECT_PREFIX}-*`],
    }),
  ];
}

function keys({ region, accountId }: AccountContext): Statement[] {
  const key = `arn:aws:kms:${region}:${accountId}:key/*`;
  const ofAliases = ['CreateAlias', 'DeleteAlias', 'UpdateAlias'];
  return [
    // One request does all three. What the provider does right after it the key's own policy allows (EncryptionKey): KMS
    // may take minutes to see the tag ("ABAC for AWS KMS"). A key of nobody's tag can be taken as ours.
    allow({
      sid: 'AnyResourceNewKeys',
      actions: actionsOf('kms', ['CreateKey', 'PutKeyPolicy', 'TagResource']),
      resources: ['*'],
      condition: { ...TAGGED_AS_OURS, ...OF_NOBODY_ELSE },
      wildcardBecause: 'a key that is made has no ARN yet; it must be tagged as ours',
    }),
    allow({
      sid: 'Keys',
      actions: actionsOf('kms', [
        ...[...ofAliases, 'EnableKeyRotation', 'PutKeyPolicy', 'TagResource', 'UntagResource', 'UpdateKeyDescription'],
      ]),
      resources: [key],
      condition: TAGGED_OURS,
    }),
    allow({
      sid: 'DeleteKeys',
      actions: ['kms:ScheduleKeyDeletion'],
      resources: [key],
      condition: {
        StringEquals: { ...TAGGED_OURS.StringEquals, 'aws:ResourceTag/Environment': DESTRUCTIBLE_ENVIRONMENT },
      },
    }),
    allow({
      sid: 'Aliases',
      actions: actionsOf('kms', ofAliases),
      resources: [`arn:aws:kms:${region}:${accountId}:alias/${PROJECT_PREFIX}-*`],
    }),
    // DynamoDB uses the key in the name of whoever makes the table. Source: "DynamoDB encryption at rest: usage notes",
    // its patterns spelled out. Not by the tag, which may be too young: DynamoDB comes for tables of ours only.
    allow({
      sid: 'KeyForTheTable',
      actions: actionsOf('kms', [
        ...['CreateGrant', 'Decrypt', 'DescribeKey', 'Encrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'],
        ...['ReEncryptFrom', 'ReEncryptTo'],
      ]),
      resources: [key],
      condition: { StringEquals: { 'kms:ViaService': `dynamodb.${region}.amazonaws.com` } },
    }),
  ];
}
