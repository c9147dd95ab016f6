import { S3BucketLifecycleConfiguration } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration/index.js';
import { Construct } from 'constructs';
import { allow } from '../policy.ts';
import { PrivateBucket } from '../private-bucket.ts';
import type { StackContext } from '../stack-context.ts';

export type AccessLogBucketSettings = {
  /** ARN of the one bucket whose accesses are logged here. */
  of: string;
  destroyWithContents: boolean;
};

/**
 * S3's own log of who read and wrote in another bucket: keys, which hold our ids and nothing else, addresses, and links
 * that have long run out when the log arrives. Kept as long as other logs. Source: "Enabling Amazon S3 server access
 * logging", Amazon S3 User Guide.
 */
export class AccessLogBucket extends Construct {
  readonly name: string;
  readonly prefix = 'access/';

  constructor(scope: Construct, id: string, context: StackContext, settings: AccessLogBucketSettings) {
    super(scope, id);
    const { bucket } = new PrivateBucket(this, 'logs', {
      name: `${context.name('access-logs')}-${context.accountId}`,
      keyArn: null, // S3 delivers no log to a bucket that a key of KMS encrypts
      destroyWithContents: settings.destroyWithContents,
      statements: (arn) => [
        allow({
          sid: 'AccessLogs',
          principal: { Service: 'logging.s3.amazonaws.com' },
          actions: ['s3:PutObject'],
          resources: [`${arn}/${this.prefix}*`],
          condition: {
            ArnLike: { 'aws:SourceArn': settings.of },
            StringEquals: { 'aws:SourceAccount': context.accountId },
          },
        }),
      ],
    });
    new S3BucketLifecycleConfiguration(this, 'lifecycle', {
      bucket: bucket.id,
      rule: [
        {
          id: 'logs',
          status: 'Enabled',
          filter: [{ prefix: '' }],
          expiration: [{ days: context.logRetentionDays }],
          abortIncompleteMultipartUpload: [{ daysAfterInitiation: 1 }],
        },
      ],
    });
    this.name = bucket.bucket;
  }
}
