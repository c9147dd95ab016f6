import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket/index.js';
import { S3BucketOwnershipControls } from '@cdktf/provider-aws/lib/s3-bucket-ownership-controls/index.js';
import { S3BucketPolicy } from '@cdktf/provider-aws/lib/s3-bucket-policy/index.js';
import { S3BucketPublicAccessBlock } from '@cdktf/provider-aws/lib/s3-bucket-public-access-block/index.js';
import { S3BucketServerSideEncryptionConfigurationA as S3BucketEncryption } from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration/index.js';
import { Construct } from 'constructs';
import { policyDocument, type Statement } from './policy.ts';
import { tlsOnly } from './tls-only.ts';

export type PrivateBucketSettings = {
  /** Its whole name, which no other account in the world may have. */
  name: string;
  /** ARN of the key that encrypts, or null for S3's own. */
  keyArn: string | null;
  destroyWithContents: boolean;
  /** Beside the one that demands TLS. */
  statements: (bucketArn: string) => readonly Statement[];
};

/** What every bucket has in common: closed to the public, no access lists, encrypted, and reached by TLS only. */
export class PrivateBucket extends Construct {
  readonly bucket: S3Bucket;

  constructor(scope: Construct, id: string, settings: PrivateBucketSettings) {
    super(scope, id);
    const bucket = new S3Bucket(this, 'bucket', {
      bucket: settings.name,
      forceDestroy: settings.destroyWithContents,
      ...(settings.destroyWithContents ? {} : { lifecycle: { preventDestroy: true } }),
    });
    this.bucket = bucket;
    const closed = new S3BucketPublicAccessBlock(this, 'public-access', {
      bucket: bucket.id,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    new S3BucketOwnershipControls(this, 'ownership', {
      bucket: bucket.id,
      rule: { objectOwnership: 'BucketOwnerEnforced' },
    });
    new S3BucketEncryption(this, 'encryption', { bucket: bucket.id, rule: [encryptionRule(settings.keyArn)] });
    new S3BucketPolicy(this, 'policy', {
      bucket: bucket.id,
      policy: policyDocument([tlsOnly('s3', [bucket.arn, `${bucket.arn}/*`]), ...settings.statements(bucket.arn)]),
      dependsOn: [closed], // S3 refuses two changes of one bucket at the same time
    });
  }
}

/** The bucket's own data key saves a call of KMS for each object. */
function encryptionRule(keyArn: string | null) {
  if (keyArn === null) return { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } };
  return {
    applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: keyArn },
    bucketKeyEnabled: true,
  };
}
