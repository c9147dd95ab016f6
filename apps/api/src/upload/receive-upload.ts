import type { FileHandle } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { INFER_FIELDS, LIMITS, type InferField, type ProblemCode } from '@bpi/job-contract';
import multer from 'multer';
import { awaitsContinue } from '../http/api-server.ts';
import { ProblemError } from '../http/problem-error.ts';
import type { Request, Response } from '../http/types.ts';
import { spoolEngine, type Spooled } from './spool-engine.ts';
import { MULTIPART_OVERHEAD_BYTES_MAX } from './upload-head.ts';
import { UploadMeter } from './upload-meter.ts';

export type UploadLimits = { uploadBytesMax: number; uploadStallMs: number; uploadStallBytes: number };

export type ReceivedUpload = Spooled & { fields: ReadonlyMap<InferField, string> };

const FILE_PART = 'file';

/** An option of multer 2.5 that its published types do not know yet. */
type ParserFeed = { streamHandler: (source: Readable, parser: Writable) => void };

/** The other limits of a body; see libs/job-contract for those that a client is told. */
const PART_LIMITS = {
  files: 1,
  fields: INFER_FIELDS.length,
  parts: INFER_FIELDS.length + 2,
  fieldSize: Math.max(LIMITS.paramsBytesMax, LIMITS.geometryBytesMax),
  fieldNameSize: 64,
  headerPairs: 32,
  fieldNestingDepth: 0,
  fieldArrayIndexLimit: 0,
} as const;

/** A text field that is longer than any may be is refused as that field. */
const FIELD_PROBLEMS: Record<InferField, ProblemCode> = {
  external_job_id: 'external_job_id_invalid',
  model: 'model_unknown',
  params: 'params_invalid',
  geometry: 'geometry_invalid',
};

/**
 * Reads the multipart body: the file part into the open scratch file, the text fields into memory.
 * Settles as soon as the outcome is known; a body that is refused is not read to its end.
 * @throws ProblemError for everything that a client or a full disk can cause.
 */
export async function receiveUpload(
  http: { req: Request; res: Response },
  target: FileHandle,
  limits: UploadLimits,
): Promise<ReceivedUpload> {
  const { req, res } = http;
  // Gone since its head came: nothing would ever tell the meter so, and the upload would wait for its stall.
  if (req.destroyed) throw new ProblemError('upload_aborted');
  const meter = new UploadMeter({
    bodyBytesMax: limits.uploadBytesMax + MULTIPART_OVERHEAD_BYTES_MAX,
    stallMs: limits.uploadStallMs,
    stallBytes: limits.uploadStallBytes,
  });
  const onClose = (): void => {
    if (!req.readableEnded) meter.destroy(new ProblemError('upload_aborted'));
  };
  req.once('close', onClose);
  if (awaitsContinue(req)) res.writeContinue();
  try {
    const parsed = await parse(req, meter, target, limits.uploadBytesMax);
    const fields = readFields(parsed.body);
    if (parsed.spooled === null || parsed.spooled.bytes === 0) throw new ProblemError('file_missing');
    return { ...parsed.spooled, fields };
  } catch (error) {
    throw problemOf(error);
  } finally {
    req.off('close', onClose);
    meter.destroy();
  }
}

async function parse(
  req: Request,
  meter: UploadMeter,
  target: FileHandle,
  fileSize: number,
): Promise<{ body: unknown; spooled: Spooled | null }> {
  let spooled: Spooled | null = null;
  const options: multer.Options & ParserFeed = {
    storage: spoolEngine(target, (result) => {
      spooled = result;
    }),
    limits: { ...PART_LIMITS, fileSize },
    streamHandler: (source, parser) => {
      // multer unpipes the parser when it gives up, then would wait for the rest of the body before it says why.
      parser.once('unpipe', () => meter.destroy());
      source.pipe(parser);
    },
  };
  const middleware = multer(options).single(FILE_PART);
  // multer reads headers, stream and body only. It gets the meter in place of the request, see UploadMeter.
  const source = Object.assign(meter, { headers: req.headers, body: undefined });
  await new Promise<void>((resolve, reject) => {
    const next = (error?: unknown): void => (error === undefined || error === null ? resolve() : reject(error));
    // Both casts: multer reads no other part of a request, and nothing of a response.
    middleware(source as unknown as Request, undefined as unknown as Response, next);
    req.pipe(meter);
  });
  return { body: source.body, spooled };
}

function readFields(body: unknown): ReadonlyMap<InferField, string> {
  const fields = new Map<InferField, string>();
  for (const [name, value] of Object.entries(body ?? {})) {
    if (name === FILE_PART) throw new ProblemError('file_missing'); // sent as text, without a file name
    if (!isInferField(name) || typeof value !== 'string') throw new ProblemError('field_unknown');
    fields.set(name, value);
  }
  return fields;
}

function isInferField(name: string): name is InferField {
  return INFER_FIELDS.some((field) => field === name);
}

function problemOf(error: unknown): unknown {
  if (error instanceof ProblemError) return error;
  if (error instanceof multer.MulterError) return new ProblemError(codeOf(error));
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new ProblemError('storage_full', { cause: error });
  // A system error has a code and is ours; what the parser says about a body has none.
  return code === undefined && error instanceof Error ? new ProblemError('multipart_malformed') : error;
}

function codeOf(error: multer.MulterError): ProblemCode {
  const code: string = error.code; // multer's published types lack STREAM_DESTROYED
  switch (code) {
    case 'LIMIT_FILE_SIZE':
      return 'too_large';
    case 'LIMIT_FIELD_VALUE':
      return error.field !== undefined && isInferField(error.field) ? FIELD_PROBLEMS[error.field] : 'field_unknown';
    case 'MISSING_FIELD_NAME':
    case 'STREAM_DESTROYED':
      return 'multipart_malformed';
    default:
      return 'field_unknown';
  }
}
