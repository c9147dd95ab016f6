import type {
  CompletedPart,
  CompleteMultipartUploadCommandInput,
  CopyObjectCommandInput,
  CreateMultipartUploadCommandInput,
  DeleteObjectsCommandInput,
  GetObjectCommandInput,
  ListObjectsV2CommandInput,
  PutObjectCommandInput,
  UploadPartCommandInput,
} from '@aws-sdk/client-s3';
import { OBJECT_KIND_TAG, objectKind } from '@bpi/job-contract';
import type { ByteRange } from '@bpi/jobs';
import type { Part, Spooled } from './spool.ts';

/** Metadata of every object: the digest for `head`, and whose write this is. S3 shows the names in lower case. */
export const METADATA = { sha256: 'sha256', writeId: 'write-id' } as const;

/** As many keys as one list shows and one delete takes. */
export const KEYS_PER_CALL_MAX = 1_000;
/** A link is for one download that begins now. */
export const LINK_TTL_MS_MAX = 60 * 60 * 1_000;
const LINK_TTL_MS_MIN = 1_000;

/** One write of one object. */
export type ObjectWrite = {
  bucket: string;
  key: string;
  source: Spooled;
  /** Random, the same in all tries of one put: it tells our own write from another's after a lost answer. */
  writeId: string;
  ifAbsent: boolean;
};

export function putInput(write: ObjectWrite, part: Part, content: Uint8Array): PutObjectCommandInput {
  return {
    ...place(write),
    ...condition(write),
    ...tagging(write.key),
    Metadata: metadataOf(write),
    Body: content,
    ContentLength: part.bytes,
    ChecksumSHA256: part.sha256,
  };
}

export function createInput(write: ObjectWrite): CreateMultipartUploadCommandInput {
  return {
    ...place(write),
    ...tagging(write.key),
    Metadata: metadataOf(write),
    ChecksumAlgorithm: 'SHA256',
    ChecksumType: 'COMPOSITE',
  };
}

export function partInput(
  write: ObjectWrite,
  uploadId: string,
  part: Part,
  content: Uint8Array,
): UploadPartCommandInput {
  return {
    ...place(write),
    UploadId: uploadId,
    PartNumber: part.number,
    Body: content,
    ContentLength: part.bytes,
    ChecksumSHA256: part.sha256,
  };
}

export function completeInput(
  write: ObjectWrite,
  uploadId: string,
  parts: readonly CompletedPart[],
): CompleteMultipartUploadCommandInput {
  return {
    ...place(write),
    ...condition(write),
    UploadId: uploadId,
    MultipartUpload: { Parts: [...parts] },
    MpuObjectSize: write.source.bytes,
  };
}

export function getInput(bucket: string, key: string, range: ByteRange | undefined): GetObjectCommandInput {
  if (range === undefined) return { Bucket: bucket, Key: key };
  if (range.start < 0 || range.end < range.start) throw outsideRange();
  return { Bucket: bucket, Key: key, Range: `bytes=${range.start}-${range.end}` };
}

/**
 * Keys are made of letters that a header needs no escaping for. Metadata goes along by default; tags would too, but the
 * copy is of another kind, and reading the old ones would take a permission more.
 */
export function copyInput(bucket: string, from: string, to: string): CopyObjectCommandInput {
  return { Bucket: bucket, Key: to, CopySource: `${bucket}/${from}`, TaggingDirective: 'REPLACE', ...tagging(to) };
}

export function listInput(bucket: string, prefix: string, next: string | undefined): ListObjectsV2CommandInput {
  const page = { Bucket: bucket, Prefix: prefix, MaxKeys: KEYS_PER_CALL_MAX };
  return next === undefined ? page : { ...page, ContinuationToken: next };
}

export function deleteInput(bucket: string, keys: readonly string[]): DeleteObjectsCommandInput {
  return { Bucket: bucket, Delete: { Objects: keys.map((key) => ({ Key: key })), Quiet: true } };
}

const fileNamePattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const mediaTypePattern = /^[a-z0-9.+-]{1,64}\/[a-z0-9.+-]{1,64}$/;

/** A download that browsers save under our name and never show: S3 answers with the headers that the link carries. */
export function downloadInput(
  bucket: string,
  key: string,
  as: { fileName: string; mediaType: string },
): GetObjectCommandInput {
  if (!fileNamePattern.test(as.fileName)) throw new Error('not a file name: use letters, digits and "-_." only');
  if (!mediaTypePattern.test(as.mediaType)) throw new Error('not a media type: use one such as "image/png"');
  return {
    Bucket: bucket,
    Key: key,
    ResponseContentDisposition: `attachment; filename="${as.fileName}"`,
    ResponseContentType: as.mediaType,
  };
}

/** Whole seconds, as S3 counts them, rounded down. */
export function linkSeconds(ttlMs: number): number {
  if (!(ttlMs >= LINK_TTL_MS_MIN && ttlMs <= LINK_TTL_MS_MAX)) {
    throw new RangeError('a link lasts between one second and one hour: change ttlMs');
  }
  return Math.floor(ttlMs / 1_000);
}

export function outsideRange(): RangeError {
  return new RangeError('the byte range lies outside the object');
}

function place({ bucket, key }: ObjectWrite): { Bucket: string; Key: string } {
  return { Bucket: bucket, Key: key };
}

/** The bucket's lifecycle goes by it: a prefix cannot name what lies below each job's own. A tag costs no call. */
function tagging(key: string): { Tagging?: string } {
  const kind = objectKind(key);
  return kind === null ? {} : { Tagging: `${OBJECT_KIND_TAG}=${kind}` };
}

function condition({ ifAbsent }: ObjectWrite): { IfNoneMatch?: string } {
  return ifAbsent ? { IfNoneMatch: '*' } : {};
}

function metadataOf({ source, writeId }: ObjectWrite): Record<string, string> {
  return { [METADATA.sha256]: source.sha256, [METADATA.writeId]: writeId };
}
