import {
  externalJobIdSchema,
  geometryFieldSchema,
  paramsSchemaOf,
  type Affine,
  type InferField,
  type ModelManifest,
  type Params,
  type SpacingOrder,
} from '@bpi/job-contract';
import type { Catalogue } from '@bpi/jobs';
import { checkAffine, VolumeError } from '@bpi/volumes';
import { ProblemError } from '../http/problem-error.ts';

/** What a client asks for beside the volume, checked. */
export type Order = {
  model: ModelManifest;
  /** Complete: defaults filled in. */
  params: Params;
  affine: Affine | null;
  spacingOrder: SpacingOrder;
  externalJobId: string | null;
};

/** The text fields of `POST /infer`. @throws ProblemError, one code per field */
export function parseOrder(
  fields: ReadonlyMap<InferField, string>,
  catalogue: Catalogue,
  defaultModel: string | null,
): Order {
  const model = catalogue.find(fields.get('model') ?? defaultModel ?? '');
  if (model === null) throw new ProblemError('model_unknown');
  const { affine, spacingOrder } = parseGeometry(fields.get('geometry'));
  return {
    model,
    params: parseParams(fields.get('params'), model),
    affine,
    spacingOrder,
    externalJobId: parseExternalJobId(fields.get('external_job_id')),
  };
}

function parseExternalJobId(text: string | undefined): string | null {
  if (text === undefined) return null;
  const parsed = externalJobIdSchema.safeParse(text);
  if (!parsed.success) throw new ProblemError('external_job_id_invalid');
  return parsed.data;
}

function parseParams(text: string | undefined, model: ModelManifest): Params {
  const parsed = paramsSchemaOf(model).safeParse(text === undefined ? {} : parseJson(text));
  if (parsed.success) return parsed.data;
  const named = parsed.error.issues.map((issue) => issue.path[0]);
  // Names that the model declares may be told; any other name is the client's own text.
  const fields = Object.keys(model.params).filter((name) => named.includes(name));
  throw new ProblemError('params_invalid', { fields });
}

function parseGeometry(text: string | undefined): { affine: Affine | null; spacingOrder: SpacingOrder } {
  if (text === undefined) return { affine: null, spacingOrder: 'xyz' };
  const parsed = geometryFieldSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new ProblemError('geometry_invalid');
  const { affine = null, spacing_order: spacingOrder = 'xyz' } = parsed.data;
  if (affine !== null) assertAffine(affine);
  return { affine, spacingOrder };
}

function assertAffine(affine: Affine): void {
  try {
    checkAffine(affine);
  } catch (error) {
    if (error instanceof VolumeError) throw new ProblemError('geometry_invalid');
    throw error;
  }
}

/** Undefined for what is no JSON: no schema takes that. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
