import { z } from 'zod';
import { jobErrorSchema } from './http.ts';
import { FAULTS, type Fault } from './outcomes.ts';

type ProblemKind = {
  status: number;
  title: string;
  fault: Fault;
  retryable: boolean;
  /** `Retry-After` where the answer has no better one. */
  retryAfterS?: number;
};

const input = (title: string): ProblemKind => ({ status: 422, title, fault: 'user', retryable: false });
const request = (status: number, title: string): ProblemKind => ({ status, title, fault: 'user', retryable: false });
const again = (status: number, title: string): ProblemKind => ({ status, title, fault: 'user', retryable: true });
const failing = (status: number, title: string): ProblemKind => ({ status, title, fault: 'platform', retryable: true });
/** Too much at once: by this client (429), or by everybody together (503). */
const tooMuch = (retryAfterS: number, title: string): ProblemKind => ({
  ...{ status: 429, title, fault: 'user', retryable: true },
  retryAfterS,
});
const busy = (retryAfterS: number, title: string): ProblemKind => ({
  ...{ status: 503, title, fault: 'platform', retryable: true },
  retryAfterS,
});

/**
 * What can be wrong with an uploaded volume: codes of libs/volumes (the API checks at compile time that none is missing,
 * and by a test that each is documented).
 */
const VOLUME_PROBLEMS = {
  not_a_zip: input('The file is not an NPZ archive. Save it with numpy.savez_compressed.'),
  zip_truncated: input('The archive is cut off. Send the complete file.'),
  zip_encrypted: input('The archive is encrypted. Save it without a password.'),
  zip_method: input('The archive uses a compression other than deflate. Save it with numpy.savez_compressed.'),
  zip_member_name: input('A member of the archive has a name that NumPy would not write. Use plain array names.'),
  zip_duplicate_member: input('Two members of the archive share a name. Save each array once.'),
  zip_overlap: input('Members of the archive overlap. Save it with numpy.savez_compressed.'),
  zip_size_mismatch: input('A member of the archive is not as long as it says. Save the file again.'),
  zip_crc_mismatch: input('A member of the archive is damaged (CRC). Send the file again.'),
  zip_too_many_members: input('The archive has too many members. Send imgs, text_prompts and spacing only.'),
  zip_malformed: input('The archive is malformed. Save it with numpy.savez_compressed.'),
  npy_header: input('A NPY header is not one that NumPy writes. Save the array again.'),
  npy_size_mismatch: input('An array is longer or shorter than its header says. Save it again.'),
  missing_member: input('The archive has no imgs array. Save the volume under that name.'),
  dtype_unsupported: input('The model does not take this data type. GET /models lists those it takes.'),
  rank_invalid: input('imgs must have three dimensions: depth, height, width.'),
  shape_invalid: input('A dimension of imgs is zero or too large. GET /models lists the limits.'),
  pickle_unsupported: input('text_prompts is not a plain dict of strings as NumPy pickles it. Save it as one.'),
  prompts_malformed: input('text_prompts must map label ids ("1" to "255") to sentences, with instance_label 0 or 1.'),
  prompts_required: input('This model needs text_prompts in the NPZ.'),
  spacing_invalid: input('spacing must be three positive numbers in millimetres.'),
  not_finite: input('imgs contains NaN or infinity. Replace them before sending.'),
  intensity_range: input('imgs lies outside the range of the model. Window it to 0–255 (or 0–1 as float) first.'),
  intensity_flat: input('imgs has too few distinct values for an image. Check how it was windowed.'),
} as const satisfies Record<string, ProblemKind>;

/** Every error the API answers, RFC 9457. Titles are fixed and say what to do; they never quote the client. */
export const PROBLEMS = {
  unauthorized: request(401, 'Send a valid API key as "Authorization: Bearer bpi_…".'),
  not_found: request(404, 'No such resource for this client. Check the id and the path.'),
  method_not_allowed: request(405, 'This route does not know that method. Use one of those that Allow names.'),
  content_type: request(415, 'Send multipart/form-data with one part named "file".'),
  multipart_malformed: request(400, 'The multipart body is malformed or incomplete. Send it again in full.'),
  field_unknown: request(400, 'Send only file, external_job_id, model, params and geometry, each once.'),
  file_missing: request(400, 'The part named "file" is missing or empty. Attach the NPZ there.'),
  length_required: request(411, 'Send a Content-Length header.'),
  upload_aborted: again(400, 'The upload ended early. Send it again with the same Idempotency-Key.'),
  upload_too_slow: again(408, 'The upload took too long. Send it again over a faster connection.'),
  external_job_id_invalid: request(422, 'external_job_id must be 1 to 128 printable characters.'),
  idempotency_key_invalid: request(400, 'Idempotency-Key must be 1 to 128 printable ASCII characters.'),
  idempotency_mismatch: request(422, 'This Idempotency-Key was used with another payload. Use a new key.'),
  model_unknown: request(422, 'No such model. GET /models lists them.'),
  params_invalid: request(422, 'params must be a JSON object that fits the model. GET /models shows its params.'),
  geometry_invalid: request(
    422,
    'geometry must be JSON with an invertible 4x4 affine (RAS, mm) and/or spacing_order xyz or zyx.',
  ),
  query_invalid: request(400, 'Send only query parameters that this route knows, each once and with a valid value.'),
  range_invalid: request(416, 'The requested range lies outside the artifact. Content-Range says how long it is.'),
  not_ready: again(409, 'The job has no result yet. Ask again after Retry-After.'),
  job_failed: request(409, 'The job failed and has no result. job_error says why, and whether to submit it again.'),
  already_ended: request(409, 'The job has already ended: there is nothing to cancel. Its status says how it ended.'),
  gone: request(
    410,
    'The job was deleted or is past its retention. To run it again, submit it with a new Idempotency-Key.',
  ),
  last_event_id_invalid: request(
    400,
    'Last-Event-ID must be the id of an event of this job as it was sent. Without it all events are sent.',
  ),
  events_not_offered: request(
    404,
    'This deployment has no event streams. Ask GET /status with wait=25 and If-None-Match instead.',
  ),
  too_many_uploads: tooMuch(2, 'Too many uploads at once. Send again after Retry-After.'),
  too_many_bytes: tooMuch(5, 'Uploads under way are too large together. Send again after Retry-After.'),
  too_many_queued_jobs: tooMuch(30, 'Too many of your jobs wait. Send again after Retry-After, or cancel some.'),
  rate_limited: tooMuch(1, 'Too many requests. Send again after Retry-After; RateLimit says what is left.'),
  too_many_streams: tooMuch(10, 'Too many event streams at once. Close one, or ask again after Retry-After.'),
  uploads_busy: busy(5, 'The platform takes as many uploads as it can. Send again after Retry-After.'),
  storage_full: busy(60, 'The platform has no room for the upload. Send it again after Retry-After.'),
  unavailable: busy(5, 'A part of the platform is not available. Send the request again after Retry-After.'),
  internal: failing(500, 'The platform failed. Send the request again; tell the operator the request id if it recurs.'),

  too_large: request(413, 'The upload or the volume in it exceeds a limit. GET /models lists the limits.'),
  ...VOLUME_PROBLEMS,
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;
export const PROBLEM_CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]; // keys of a literal
export const VOLUME_PROBLEM_CODES = Object.keys(VOLUME_PROBLEMS) as (keyof typeof VOLUME_PROBLEMS)[]; // likewise

/** The media type of a problem. */
export const PROBLEM_TYPE = 'application/problem+json';

/** Of the page on which the API itself explains every code, of problems and of failed jobs alike. */
export const ERRORS_PATH = '/docs/errors';

/** A problem's `type`: a relative reference (RFC 9457 §3.1.1) to its place on that page. */
export function problemType(code: ProblemCode): string {
  return `${ERRORS_PATH}#${code}`;
}

/** Seconds after which such a request may go better; null = it says nothing, or the answer itself knows. */
export function retryAfterSOf(code: ProblemCode): number | null {
  const kind: ProblemKind = PROBLEMS[code];
  return kind.retryAfterS ?? null;
}

export const problemSchema = z.strictObject({
  type: z.string().meta({ format: 'uri-reference' }).describe('Where this code is explained, on this API itself.'),
  title: z.string().describe('What is wrong and what to do, the same words each time.'),
  status: z.int(),
  code: z.enum(PROBLEM_CODES),
  fault: z.enum(FAULTS).describe('Whose it was.'),
  retryable: z.boolean().describe('True: the same request may succeed later, after Retry-After where there is one.'),
  instance: z.string().describe('The id of the request, the same as in X-Request-Id and in the log.'),
  fields: z
    .array(z.string())
    .max(64)
    .optional()
    .describe('Names of the params of the model (params_invalid) or of the query (query_invalid) that are at fault.'),
  job_error: jobErrorSchema.optional().describe('For job_failed.'),
});
export type Problem = z.infer<typeof problemSchema>;
