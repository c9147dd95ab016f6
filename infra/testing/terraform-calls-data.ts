import { ACCOUNT_ID } from './applied.ts';
import { and, bare, fresh, KEY, known, simple, type Row } from './terraform-asks.ts';

/** Rows of what holds data, and of what is told about it. */
export const DATA_ROWS: Readonly<Record<string, Row>> = { ...buckets(), ...stores(), ...watch() };

function buckets(): Record<string, Row> {
  const bucket = 'arn:aws:s3:::{name}';
  const setting = (put: string, get: string, remove = put): Row =>
    simple(bucket, [`s3:${put}`, `s3:${get} ListBucket`, `s3:${put}`, `s3:${remove}`]);
  return {
    aws_s3_bucket: and(
      simple(bucket, ['s3:CreateBucket', '', 's3:PutBucketTagging TagResource UntagResource', 's3:DeleteBucket']),
      {
        create: [known('s3:PutBucketTagging TagResource', bucket)],
        // resourceBucketRead asks for every setting, and for its existence by HeadBucket, which is ListBucket.
        read: [
          known('s3:GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging GetBucketPolicy', bucket),
          known('s3:GetBucketObjectLockConfiguration GetBucketRequestPayment GetBucketTagging', bucket),
          known('s3:GetBucketVersioning GetBucketWebsite GetAccelerateConfiguration ListBucket', bucket),
          known('s3:GetEncryptionConfiguration GetLifecycleConfiguration GetReplicationConfiguration', bucket),
          known('s3:ListTagsForResource', bucket),
        ],
      },
    ),
    aws_s3_bucket_cors_configuration: setting('PutBucketCORS', 'GetBucketCORS'),
    aws_s3_bucket_lifecycle_configuration: setting('PutLifecycleConfiguration', 'GetLifecycleConfiguration'),
    aws_s3_bucket_logging: setting('PutBucketLogging', 'GetBucketLogging'),
    aws_s3_bucket_ownership_controls: setting('PutBucketOwnershipControls', 'GetBucketOwnershipControls'),
    aws_s3_bucket_policy: setting('PutBucketPolicy', 'GetBucketPolicy', 'DeleteBucketPolicy'),
    aws_s3_bucket_public_access_block: setting('PutBucketPublicAccessBlock', 'GetBucketPublicAccessBlock'),
    aws_s3_bucket_server_side_encryption_configuration: setting(
      'PutEncryptionConfiguration',
      'GetEncryptionConfiguration',
    ),
    aws_s3_bucket_versioning: setting('PutBucketVersioning', 'GetBucketVersioning'),
  };
}

function stores(): Record<string, Row> {
  const tagging = 'TagResource UntagResource';
  const queueSetting: Row = simple('sqs:{name}', [
    'sqs:SetQueueAttributes',
    'sqs:GetQueueAttributes',
    'sqs:SetQueueAttributes',
    'sqs:SetQueueAttributes',
  ]);
  const alias = (actions: string) => [known(actions, 'kms:{name}'), known(actions, KEY)];
  return {
    aws_dynamodb_table: simple('dynamodb:table/{name}', [
      'dynamodb:CreateTable TagResource',
      'dynamodb:DescribeTable DescribeContinuousBackups DescribeTimeToLive ListTagsOfResource',
      `dynamodb:UpdateTable ${tagging}`,
      'dynamodb:DeleteTable',
    ]),
    aws_kms_alias: {
      create: [known('kms:CreateAlias', 'kms:{name}'), bare('kms:CreateAlias', KEY)],
      read: [bare('kms:ListAliases', '*')],
      update: alias('kms:UpdateAlias'),
      delete: alias('kms:DeleteAlias'),
    },
    aws_kms_key: {
      // One request. The key is not there yet, so its own policy speaks for nobody.
      create: [fresh('kms:CreateKey PutKeyPolicy TagResource', '*')],
      read: [known('kms:DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags', KEY)],
      update: [known(`kms:PutKeyPolicy UpdateKeyDescription ${tagging}`, KEY)],
      delete: [known('kms:ScheduleKeyDeletion', KEY)],
    },
    aws_sqs_queue: simple('sqs:{name}', [
      'sqs:CreateQueue TagQueue',
      'sqs:GetQueueAttributes ListQueueTags',
      'sqs:SetQueueAttributes TagQueue UntagQueue',
      'sqs:DeleteQueue',
    ]),
    aws_sqs_queue_policy: queueSetting,
    aws_sqs_queue_redrive_allow_policy: queueSetting,
  };
}

function watch(): Record<string, Row> {
  const budget = `arn:aws:budgets::${ACCOUNT_ID}:budget/{name}`;
  const topic = 'sns:bpi-{env}-alerts';
  return {
    aws_budgets_budget: simple(budget, [
      'budgets:ModifyBudget TagResource',
      'budgets:ViewBudget ListTagsForResource',
      'budgets:ModifyBudget TagResource UntagResource',
      'budgets:ModifyBudget',
    ]),
    aws_cloudwatch_event_rule: simple('events:rule/{name}', [
      'events:PutRule TagResource',
      'events:DescribeRule ListTagsForResource',
      'events:PutRule TagResource UntagResource',
      'events:DeleteRule',
    ]),
    aws_cloudwatch_event_target: simple('events:rule/{name}', [
      'events:PutTargets',
      'events:ListTargetsByRule',
      'events:PutTargets',
      'events:RemoveTargets',
    ]),
    aws_cloudwatch_log_group: and(
      simple('logs:log-group:{name}', [
        'logs:CreateLogGroup PutRetentionPolicy TagResource',
        'logs:ListTagsForResource',
        'logs:PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource',
        'logs:DeleteLogGroup',
      ]),
      { read: [bare('logs:DescribeLogGroups', '*')] },
    ),
    aws_cloudwatch_metric_alarm: simple('cloudwatch:alarm:{name}', [
      'cloudwatch:PutMetricAlarm TagResource',
      'cloudwatch:DescribeAlarms ListTagsForResource',
      'cloudwatch:PutMetricAlarm TagResource UntagResource',
      'cloudwatch:DeleteAlarms',
    ]),
    aws_sns_topic: simple('sns:{name}', [
      'sns:CreateTopic SetTopicAttributes TagResource',
      'sns:GetTopicAttributes ListTagsForResource',
      'sns:SetTopicAttributes TagResource UntagResource',
      'sns:DeleteTopic',
    ]),
    aws_sns_topic_policy: simple(topic, [
      'sns:SetTopicAttributes',
      'sns:GetTopicAttributes',
      'sns:SetTopicAttributes',
      'sns:SetTopicAttributes',
    ]),
    // Without a resource, but for Subscribe. Unconfirmed ones are looked for in the topic's list.
    aws_sns_topic_subscription: {
      create: [known('sns:Subscribe', topic)],
      read: [bare('sns:GetSubscriptionAttributes', '*'), known('sns:ListSubscriptionsByTopic', topic)],
      update: [bare('sns:SetSubscriptionAttributes', '*')],
      delete: [bare('sns:Unsubscribe', '*')],
    },
  };
}
