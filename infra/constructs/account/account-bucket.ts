import { S3BucketLifecycleConfiguration } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration/index.js';
import { S3BucketVersioningA as S3BucketVersioning } from '@cdktf/provider-aws/lib/s3-bucket-versioning/index.js';
import { Construct } from 'constructs';
import { PrivateBucket } from '../private-bucket.ts';

export type AccountBucketSettings = {
  /** Its whole name. */
  name: string;
  /** How long a version that was replaced or deleted can be brought back. */
  noncurrentDays: number;
};

/**
 * A bucket that outlives every environment, such as the one with the states and the one with the models' weights:
 * versioned, and nothing that Terraform deletes.
 */
export class AccountBucket extends Construct {
  readonly name: string;

  constructor(scope: Construct, id: string, { name, noncurrentDays }: AccountBucketSettings) {
    super(scope, id);
    const { bucket } = new PrivateBucket(this, 'private', {
      name,
      keyArn: null,
      destroyWithContents: false,
      statements: () => [],
    });
    const versioning = new S3BucketVersioning(this, 'versioning', {
      bucket: bucket.id,
      versioningConfiguration: { status: 'Enabled' },
    });
    new S3BucketLifecycleConfiguration(this, 'lifecycle', {
      bucket: bucket.id,
      rule: [
        {
          id: 'old-versions',
          status: 'Enabled',
          filter: [{ prefix: '' }],
          noncurrentVersionExpiration: [{ noncurrentDays }],
          abortIncompleteMultipartUpload: [{ daysAfterInitiation: 1 }],
        },
      ],
      dependsOn: [versioning],
    });
    this.name = bucket.bucket;
  }
}
