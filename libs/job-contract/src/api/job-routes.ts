import { listQuerySchema, logsQuerySchema, statusQuerySchema } from '../http.ts';
import { jobIdSchema } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { VOLUME_PROBLEM_CODES } from '../problems.ts';
import { CANCELLING_EXAMPLE, JOB_ID_EXAMPLE, LIST_EXAMPLE, RUNNING_EXAMPLE, SUBMITTED_EXAMPLE } from './examples.ts';
import { INFER_FORM } from './infer-form.ts';
import type { Content, PathParameter, Route } from './route.ts';

const JSON_TYPE = 'application/json';

export const JOB_ID_PARAMETER: PathParameter = {
  schema: jobIdSchema,
  description: 'As POST /infer answered it. Whatever is not one of your jobs is not found.',
  example: JOB_ID_EXAMPLE,
};

const status = (example: unknown): Content => ({ mediaType: JSON_TYPE, body: 'Status', example });

export const JOB_ROUTES = [
  {
    id: 'submitJob',
    method: 'POST',
    path: '/infer',
    tag: 'Jobs',
    access: 'key',
    summary: 'Submit a volume',
    description:
      'The volume is checked before the answer, so what is accepted is a job. Send an Idempotency-Key, and sending again ' +
      'after a broken connection never makes a second one.',
    headers: ['Idempotency-Key'],
    form: INFER_FORM,
    answers: [
      {
        status: 202,
        description: 'Accepted. From here on the job comes to an end in any case: completed or failed.',
        headers: ['Location'],
        mayHave: ['Idempotency-Replayed'],
        content: [{ mediaType: JSON_TYPE, body: 'Submitted', example: SUBMITTED_EXAMPLE }],
      },
    ],
    problems: [
      'content_type',
      'multipart_malformed',
      'field_unknown',
      'file_missing',
      'length_required',
      'upload_aborted',
      'upload_too_slow',
      'external_job_id_invalid',
      'idempotency_key_invalid',
      'idempotency_mismatch',
      'model_unknown',
      'params_invalid',
      'geometry_invalid',
      'gone',
      'too_many_uploads',
      'too_many_bytes',
      'too_many_queued_jobs',
      'uploads_busy',
      'too_large',
      'storage_full',
      'unavailable',
      ...VOLUME_PROBLEM_CODES,
    ],
  },
  {
    id: 'getStatus',
    method: 'GET',
    path: '/status/{job_id}',
    tag: 'Jobs',
    access: 'key',
    summary: 'How far a job is',
    description:
      'With wait and If-None-Match the answer is held until the ETag would be another one, with wait alone until the job ' +
      'has ended; 304 or the status as it is when the time is up. What a queued job waits for ends no wait.',
    params: { job_id: JOB_ID_PARAMETER },
    query: statusQuerySchema,
    headers: ['If-None-Match'],
    answers: [
      {
        status: 200,
        description: 'Retry-After as long as the job has not ended.',
        headers: ['ETag'],
        mayHave: ['Retry-After', 'Preference-Applied'],
        content: [status(RUNNING_EXAMPLE)],
      },
      {
        status: 304,
        description: 'Nothing changed.',
        headers: ['ETag'],
        mayHave: ['Retry-After', 'Preference-Applied'],
        content: [],
      },
    ],
    problems: ['not_found', 'gone', 'query_invalid'],
  },
  {
    id: 'getEvents',
    method: 'GET',
    path: '/jobs/{job_id}/events',
    tag: 'Jobs',
    access: 'key',
    summary: 'A job’s life as server-sent events',
    description:
      'From its beginning, or from behind Last-Event-ID; each event of its life once, and progress as it comes, without ' +
      'an id. The stream ends with the job, or after some minutes: then ask again. Where a deployment has no streams, ' +
      'GET /status with wait does as well.',
    params: { job_id: JOB_ID_PARAMETER },
    headers: ['Last-Event-ID'],
    answers: [
      {
        status: 200,
        description: 'The events.',
        content: [{ mediaType: 'text/event-stream', body: 'any', items: ['LifeEvent', 'ProgressEvent'] }],
      },
      { status: 204, description: 'The end was told already: nothing follows, so do not ask again.', content: [] },
    ],
    problems: ['not_found', 'events_not_offered', 'gone', 'last_event_id_invalid', 'too_many_streams'],
  },
  {
    id: 'listJobs',
    method: 'GET',
    path: '/jobs',
    tag: 'Jobs',
    access: 'key',
    summary: 'Your jobs, newest first',
    description: 'Those that meet every condition of the query. Deleted jobs are not among them.',
    query: listQuerySchema,
    answers: [
      {
        status: 200,
        description: 'A page.',
        content: [{ mediaType: JSON_TYPE, body: 'JobList', example: LIST_EXAMPLE }],
      },
    ],
    problems: ['query_invalid'],
  },
  {
    id: 'cancelJob',
    method: 'POST',
    path: '/jobs/{job_id}/cancel',
    tag: 'Jobs',
    access: 'key',
    summary: 'Cancel a job',
    description: 'It ends as failed with the code cancelled, once what runs for it is gone. May be asked again.',
    params: { job_id: JOB_ID_PARAMETER },
    answers: [{ status: 202, description: 'The wish is recorded.', content: [status(CANCELLING_EXAMPLE)] }],
    problems: ['not_found', 'gone', 'already_ended'],
  },
  {
    id: 'deleteJob',
    method: 'DELETE',
    path: '/jobs/{job_id}',
    tag: 'Jobs',
    access: 'key',
    summary: 'Delete a job and its files',
    description:
      'Cancels it first if need be. From the answer on the job is gone for you (410); its files go as soon as nothing ' +
      'can write them any more. May be asked again.',
    params: { job_id: JOB_ID_PARAMETER },
    answers: [
      {
        status: 202,
        description: 'The deletion is recorded, and nothing brings the job back.',
        content: [
          { mediaType: JSON_TYPE, body: 'Deletion', example: { job_id: JOB_ID_EXAMPLE, deletion: 'requested' } },
        ],
      },
    ],
    problems: ['not_found'],
  },
  {
    id: 'getLogs',
    method: 'GET',
    path: '/jobs/{job_id}/logs',
    tag: 'Jobs',
    access: 'key',
    summary: 'What the model printed',
    description: `At most ${LIMITS.modelLogBytesMax} bytes. It may quote your prompts. There is none before the attempt ended.`,
    params: { job_id: JOB_ID_PARAMETER },
    query: logsQuerySchema,
    answers: [
      {
        status: 200,
        description: 'The text, as it is.',
        content: [{ mediaType: 'text/plain', body: 'text', example: 'loaded\nsegmented 120 slices\n' }],
      },
    ],
    problems: ['not_found', 'gone', 'query_invalid'],
  },
] as const satisfies readonly Route[];
