import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import { AwsError, throwAwsError } from '../aws-error.ts';
import { completeInput, createInput, partInput, type ObjectWrite } from './requests.ts';
import type { Part } from './spool.ts';

/** Each holds one part in memory. */
const PARTS_AT_ONCE = 2;

/**
 * Stores a large object in parts. Whatever fails, the upload is aborted before the error is raised; what a crash or a
 * second failure leaves is for the bucket's lifecycle rule (AbortIncompleteMultipartUpload).
 *
 * Not by `@aws-sdk/lib-storage`: it leaves the parts of an upload whose completion is refused, aborts while parts are
 * still on their way, and cannot name the digest of a part that was taken before.
 */
export async function uploadInParts(client: S3Client, write: ObjectWrite): Promise<void> {
  const uploadId = await create(client, write);
  try {
    const parts = await sendParts(client, write, uploadId);
    await client
      .send(new CompleteMultipartUploadCommand(completeInput(write, uploadId, parts)))
      .catch((error: unknown) => throwAwsError('CompleteMultipartUpload', error));
  } catch (error) {
    await abort(client, write, uploadId);
    throw error;
  }
}

async function create(client: S3Client, write: ObjectWrite): Promise<string> {
  const { UploadId } = await client
    .send(new CreateMultipartUploadCommand(createInput(write)))
    .catch((error: unknown) => throwAwsError('CreateMultipartUpload', error));
  if (UploadId === undefined) throw new AwsError('CreateMultipartUpload', { name: 'NoUploadId' });
  return UploadId;
}

/** Returns or raises only when no part is on its way any more, so that an abort afterwards leaves nothing. */
async function sendParts(client: S3Client, write: ObjectWrite, uploadId: string): Promise<CompletedPart[]> {
  const waiting = write.source.parts.values();
  const stop = new AbortController();
  const sent: CompletedPart[] = [];
  const failures: unknown[] = [];
  const sendSome = async () => {
    for (const part of waiting) {
      try {
        sent.push(await sendPart(client, write, uploadId, part, stop.signal));
      } catch (error) {
        failures.push(error);
        stop.abort();
      }
      if (stop.signal.aborted) return;
    }
  };
  await Promise.all(Array.from({ length: PARTS_AT_ONCE }, sendSome));
  if (failures.length > 0) throw failures[0];
  return sent.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
}

async function sendPart(
  client: S3Client,
  write: ObjectWrite,
  uploadId: string,
  part: Part,
  abortSignal: AbortSignal,
): Promise<CompletedPart> {
  const content = await write.source.read(part);
  const { ETag } = await client
    .send(new UploadPartCommand(partInput(write, uploadId, part, content)), { abortSignal })
    .catch((error: unknown) => throwAwsError('UploadPart', error));
  if (ETag === undefined) throw new AwsError('UploadPart', { name: 'NoETag' });
  return { PartNumber: part.number, ETag, ChecksumSHA256: part.sha256 };
}

async function abort(client: S3Client, { bucket, key }: ObjectWrite, uploadId: string): Promise<void> {
  const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId });
  await client.send(command).catch(() => {}); // the first error is the one to tell; lifecycle removes the rest
}
