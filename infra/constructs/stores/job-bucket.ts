import { CLASS_OF_KIND, OBJECT_KIND_TAG, OBJECT_KINDS, JOBS_PREFIX, type FileClass } from '@bpi/job-contract';
import type { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket/index.js';
import { S3BucketCorsConfiguration } from '@cdktf/provider-aws/lib/s3-bucket-cors-configuration/index.js';
import {
  S3BucketLifecycleConfiguration,
  type S3BucketLifecycleConfigurationRule,
} from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration/index.js';
import { S3BucketLoggingA as S3BucketLogging } from '@cdktf/provider-aws/lib/s3-bucket-logging/index.js';
import { S3BucketVersioningA as S3BucketVersioning } from '@cdktf/provider-aws/lib/s3-bucket-versioning/index.js';
import { Construct } from 'constructs';
import { AccessLogBucket } from './access-log-bucket.ts';
import { PrivateBucket } from '../private-bucket.ts';
import type { StackContext } from '../stack-context.ts';

export type JobBucketSettings = {
  /** Whether what was deleted or replaced can be brought back, for a day. */
  versioning: boolean;
  /** From the end of a job. */
  keptDays: Readonly<Record<FileClass, number>>;
  /** Null for never. Glacier is Glacier Instant Retrieval: a download does not notice. */
  glacierAfterDays: number | null;
  destroyWithContents: boolean;
  /** Origins of browsers that follow signed links, such as a viewer's; empty = none. */
  corsOrigins: readonly string[];
};

/** A patient's data that was deleted must be gone soon, so a version is a second chance for a day and no archive. */
const NONCURRENT_DAYS = 1;
const INCOMPLETE_UPLOAD_DAYS = 1;
/** Longer than any job takes: its objects are older than its end by so much at most. */
export const JOB_DAYS_MAX = 3;
const CORS_MAX_AGE_S = 3_600;

/**
 * Inputs, attempts and results of all jobs. Who may come in is for the roles to say: no rule about the network stands in
 * the policy, because signed links are followed from outside.
 *
 * Every access is logged, because a signed link is used without the API, whose audit trail ends where it hands one out.
 */
export class JobBucket extends Construct {
  readonly arn: string;
  readonly name: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: JobBucketSettings) {
    super(scope, id);
    const { bucket } = new PrivateBucket(this, 'jobs', {
      name: `${context.name('jobs')}-${context.accountId}`,
      keyArn: context.keyArn,
      destroyWithContents: settings.destroyWithContents,
      statements: () => [],
    });
    this.arn = bucket.arn;
    this.name = bucket.bucket;
    this.#forget(bucket, settings);
    if (settings.corsOrigins.length > 0) this.#admitBrowsers(bucket, settings.corsOrigins);
    const logs = new AccessLogBucket(this, 'access-logs', context, {
      of: bucket.arn,
      destroyWithContents: settings.destroyWithContents,
    });
    new S3BucketLogging(this, 'logging', { bucket: bucket.id, targetBucket: logs.name, targetPrefix: logs.prefix });
  }

  /** Without the block a bucket has no versions, and one that had them keeps no new ones. */
  #forget(bucket: S3Bucket, settings: JobBucketSettings): void {
    const versioning = settings.versioning
      ? [
          new S3BucketVersioning(this, 'versioning', {
            bucket: bucket.id,
            versioningConfiguration: { status: 'Enabled' },
          }),
        ]
      : [];
    new S3BucketLifecycleConfiguration(this, 'lifecycle', {
      bucket: bucket.id,
      // Also what S3 does by itself; a small object in Glacier costs as much as one of 128 KiB.
      transitionDefaultMinimumObjectSize: 'all_storage_classes_128K',
      rule: lifecycleRules(settings),
      dependsOn: versioning,
    });
  }

  #admitBrowsers(bucket: S3Bucket, origins: readonly string[]): void {
    new S3BucketCorsConfiguration(this, 'cors', {
      bucket: bucket.id,
      corsRule: [
        {
          allowedMethods: ['GET', 'HEAD'],
          allowedOrigins: [...origins],
          allowedHeaders: ['range'],
          exposeHeaders: ['Content-Length', 'Content-Range', 'ETag'],
          maxAgeSeconds: CORS_MAX_AGE_S,
        },
      ],
    });
  }
}

/**
 * An object's age counts from its own making, a promise from the end of its job, which may take two days. So the rules
 * come after the worker, which removes everything at its time, and make sure of what it never came to: an object without
 * a record, or one that appeared after its time.
 */
function lifecycleRules({ keptDays, glacierAfterDays }: JobBucketSettings): S3BucketLifecycleConfigurationRule[] {
  const transition = glacierAfterDays === null ? [] : [{ days: glacierAfterDays, storageClass: 'GLACIER_IR' }];
  return [
    ...OBJECT_KINDS.map((kind) => ({
      id: kind,
      status: 'Enabled',
      filter: [{ and: [{ prefix: JOBS_PREFIX, tags: { [OBJECT_KIND_TAG]: kind } }] }],
      expiration: [{ days: keptDays[CLASS_OF_KIND[kind]] + JOB_DAYS_MAX }],
      ...(kind === 'result' && transition.length > 0 ? { transition } : {}),
    })),
    {
      id: 'leftovers',
      status: 'Enabled',
      filter: [{ prefix: '' }],
      abortIncompleteMultipartUpload: [{ daysAfterInitiation: INCOMPLETE_UPLOAD_DAYS }],
      noncurrentVersionExpiration: [{ noncurrentDays: NONCURRENT_DAYS }],
      expiration: [{ expiredObjectDeleteMarker: true }],
    },
  ];
}
