import { allow, type Statement } from './policy.ts';

/** HeadObject needs GetObject, the parts of an upload and the target of a copy PutObject; each object carries a tag. */
const OBJECT_ACTIONS = ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject', 's3:PutObjectTagging'];

/** The files of jobs, and nothing else in their bucket. */
export function objectAccess(bucketArn: string, alsoAllowed: readonly 's3:DeleteObject'[] = []): Statement[] {
  return [
    allow({
      sid: 'ReadAndWriteObjects',
      actions: [...OBJECT_ACTIONS, ...alsoAllowed],
      resources: [`${bucketArn}/jobs/*`],
    }),
    allow({
      // Without it S3 says 403 instead of 404 of an object that is not there; such a request names no prefix.
      sid: 'ListObjects',
      actions: ['s3:ListBucket'],
      resources: [bucketArn],
      condition: { StringLikeIfExists: { 's3:prefix': 'jobs/*' } },
    }),
  ];
}
