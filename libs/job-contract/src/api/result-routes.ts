import { z } from 'zod';
import { ARTIFACT_NAMES, ARTIFACTS } from '../keys.ts';
import { RESULT_EXAMPLE } from './examples.ts';
import { JOB_ID_PARAMETER } from './job-routes.ts';
import type { Answer, Content, Route } from './route.ts';

const BYTES_TYPE = 'application/octet-stream';

/** `metadata.json` is handed out as it was written: those of older releases lack what came later. */
const artifactContents: readonly Content[] = [
  ...new Set(Object.values(ARTIFACTS).map(({ mediaType }) => mediaType)),
].map((mediaType) => ({ mediaType, body: mediaType === 'application/json' ? 'any' : 'bytes' }));

/** Of everything that is a file: ranges, unchanged files, links. */
const downloadAnswers = (contents: readonly Content[]): readonly Answer[] => [
  {
    status: 206,
    description: 'The bytes of the range.',
    headers: ['ETag', 'Accept-Ranges', 'Content-Range', 'Content-Disposition'],
    content: contents,
  },
  {
    status: 303,
    description: 'Where the files lie elsewhere: a signed link to the bytes. Ask again for another.',
    headers: ['Location'],
    content: [],
  },
  { status: 304, description: 'You have it already.', headers: ['ETag'], content: [] },
];

export const RESULT_ROUTES = [
  {
    id: 'getResult',
    method: 'GET',
    path: '/result/{job_id}',
    tag: 'Results',
    access: 'key',
    summary: 'The result of a completed job',
    description:
      'With "Accept: application/octet-stream" pred_mask.npz itself, as /result/{job_id}/pred_mask.npz would answer; ' +
      'else what there is to fetch, and the metadata that a viewer needs.',
    params: { job_id: JOB_ID_PARAMETER },
    headers: ['If-None-Match', 'Range', 'If-Range'],
    answers: [
      {
        status: 200,
        description: 'A published result never changes.',
        mayHave: ['ETag', 'Accept-Ranges', 'Content-Disposition'],
        content: [
          { mediaType: 'application/json', body: 'Result', example: RESULT_EXAMPLE },
          { mediaType: BYTES_TYPE, body: 'bytes' },
        ],
      },
      ...downloadAnswers([{ mediaType: BYTES_TYPE, body: 'bytes' }]),
    ],
    problems: ['not_found', 'gone', 'not_ready', 'job_failed', 'range_invalid'],
  },
  {
    id: 'getArtifact',
    method: 'GET',
    path: '/result/{job_id}/{artifact}',
    tag: 'Results',
    access: 'key',
    summary: 'One file of a result',
    params: {
      job_id: JOB_ID_PARAMETER,
      artifact: {
        schema: z.enum(ARTIFACT_NAMES),
        description: 'A name that the result lists.',
        example: 'pred_mask.nii.gz',
      },
    },
    headers: ['If-None-Match', 'Range', 'If-Range'],
    answers: [
      {
        status: 200,
        description: 'The bytes.',
        headers: ['ETag', 'Accept-Ranges', 'Content-Disposition'],
        content: artifactContents,
      },
      ...downloadAnswers(artifactContents),
    ],
    problems: ['not_found', 'gone', 'not_ready', 'job_failed', 'range_invalid'],
  },
] as const satisfies readonly Route[];
