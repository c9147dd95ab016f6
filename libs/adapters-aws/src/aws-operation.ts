/**
 * An operation of the SDK, after the prefix that IAM gives its service. The infrastructure derives from these what a role
 * may do. They are not IAM's actions: HeadObject is allowed by `s3:GetObject`, TransactWriteItems by the actions of
 * what it writes, parts of an upload by `s3:PutObject`; writing an object also needs `s3:PutObjectTagging`, because each is
 * tagged with its kind; and launching needs more (see REQUIRED_SETTINGS).
 */
export type AwsOperation = `${'autoscaling' | 'dynamodb' | 'ecs' | 's3' | 'sqs'}:${string}`;
