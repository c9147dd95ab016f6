import { setTimeout as pause } from 'node:timers/promises';
import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { isErrorNamed, isTransient, throwAwsError } from '../aws-error.ts';
import { uploadInParts } from './multipart-upload.ts';
import { METADATA, putInput, type ObjectWrite } from './requests.ts';

/**
 * S3 answers 409 while another conditional write of the key is under way, and wants the whole write again, all parts
 * of it too. The other one is done soon, or its writer has died and S3 drops it.
 */
const CONFLICT_TRIES_MAX = 5;
const CONFLICT_NAMES = ['ConditionalRequestConflict', 'OperationAborted'];

export type WriteOutcome = 'stored' | 'exists';

/**
 * Writes an object, in one request or in parts. A write whose answer was lost, or that met the traces of its own
 * first try (412, an upload that is gone), is settled by reading back: if the object carries our write id, it is ours.
 * @param conflictPauseMs grows with each try and is varied, so that two writers do not meet again.
 */
export async function writeObject(
  client: S3Client,
  write: ObjectWrite,
  conflictPauseMs: number,
): Promise<WriteOutcome> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await writeOnce(client, write, tries);
    if (outcome !== 'conflict') return outcome;
    await pause(conflictPauseMs * tries * (0.5 + Math.random()));
  }
}

async function writeOnce(client: S3Client, write: ObjectWrite, tries: number): Promise<WriteOutcome | 'conflict'> {
  try {
    if (write.source.parts.length > 1) await uploadInParts(client, write);
    else await putWhole(client, write);
    return 'stored';
  } catch (error) {
    const sense = senseOf(error);
    if (sense === 'failed') throw error;
    if (await isOurs(client, write, sense)) return 'stored';
    if (sense === 'taken' && write.ifAbsent) return 'exists';
    if (sense === 'conflict' && tries < CONFLICT_TRIES_MAX) return 'conflict';
    throw error;
  }
}

async function putWhole(client: S3Client, write: ObjectWrite): Promise<void> {
  const [part] = write.source.parts;
  if (part === undefined) throw new Error('a spooled body has at least one part: mend spool');
  const content = await write.source.read(part);
  await client
    .send(new PutObjectCommand(putInput(write, part, content)))
    .catch((error: unknown) => throwAwsError('PutObject', error));
}

type Sense = 'taken' | 'conflict' | 'unknown' | 'failed';

function senseOf(error: unknown): Sense {
  if (isErrorNamed(error, 'PreconditionFailed')) return 'taken';
  if (isErrorNamed(error, ...CONFLICT_NAMES)) return 'conflict';
  // A completion that is sent again after a lost answer may find its upload gone.
  if (isErrorNamed(error, 'NoSuchUpload') || isTransient(error)) return 'unknown';
  return 'failed';
}

async function isOurs(client: S3Client, write: ObjectWrite, sense: Sense): Promise<boolean> {
  try {
    const head = await client.send(new HeadObjectCommand({ Bucket: write.bucket, Key: write.key }));
    return head.Metadata?.[METADATA.writeId] === write.writeId;
  } catch (error) {
    if (isErrorNamed(error, 'NotFound', 'NoSuchKey')) return false;
    // Without this answer a 412 may be our own doing; after a lost answer the first error tells more.
    if (sense === 'taken') throwAwsError('HeadObject', error);
    return false;
  }
}
