import { z } from 'zod';
import { externalJobIdSchema, type InferField } from '../http.ts';
import { LIMITS } from '../limits.ts';
import type { BodyName } from './bodies.ts';

type TextField = { schema: z.ZodType } | { json: BodyName };
type FormField = { description: string; example: unknown } & TextField;

/**
 * The text fields of `POST /infer`, beside the part `file`. Those with `json` are objects, sent as JSON text: a part
 * without a file name, whatever its content type. Examples change nothing: a page on which requests are tried sends them.
 */
export const INFER_FORM: Readonly<Record<InferField, FormField>> = {
  external_job_id: {
    description: 'Your own id for the job: shown to you, searchable in GET /jobs, never logged.',
    schema: externalJobIdSchema,
    example: 'PACS-17',
  },
  model: {
    description: 'Name of a model, see GET /models. Without it: the one that is_default.',
    schema: z.string().regex(/^[a-z][a-z0-9-]{0,47}$/),
    example: 'brain-mri',
  },
  params: {
    description: `JSON of at most ${LIMITS.paramsBytesMax} bytes: params of the model; what is left out takes its default.`,
    json: 'Params',
    example: {},
  },
  geometry: {
    description:
      `JSON of at most ${LIMITS.geometryBytesMax} bytes. An NPZ has no affine: with one (4x4, RAS, millimetres, from ` +
      'voxel indices x, y, z) the mask lies exactly on your own NIfTI. spacing_order is that of spacing in the NPZ.',
    json: 'Geometry',
    example: { spacing_order: 'xyz' },
  },
};

export const INFER_FILE = {
  description:
    `An NPZ as NumPy writes it, at most ${LIMITS.uploadBytesMax} bytes (a deployment may allow less: GET /models). ` +
    'imgs: (z, y, x), a dtype that the model takes, 0 to 255 or float within 0 to 1. text_prompts, where the model takes ' +
    'prompts: {"1": "…", "instance_label": 0}. spacing: (x, y, z) in millimetres. It is checked and rebuilt; ' +
    'the model never sees the file itself.',
} as const;
