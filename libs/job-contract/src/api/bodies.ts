import type { z } from 'zod';
import { geometryFieldSchema } from '../geometry.ts';
import {
  deletionBodySchema,
  jobErrorSchema,
  jobListSchema,
  liveBodySchema,
  readyBodySchema,
  resultBodySchema,
  statusBodySchema,
  submittedSchema,
} from '../http.ts';
import { lifeEventSchema, progressEventSchema } from '../life-events.ts';
import { metadataSchema } from '../metadata.ts';
import { paramsSchema } from '../model-manifest.ts';
import { modelListSchema, modelViewSchema } from '../model-view.ts';
import { problemSchema } from '../problems.ts';

/** Every JSON that goes over the wire, by the name under which generated clients know it. */
export const BODIES = {
  Submitted: submittedSchema,
  Status: statusBodySchema,
  JobError: jobErrorSchema,
  JobList: jobListSchema,
  Deletion: deletionBodySchema,
  LifeEvent: lifeEventSchema,
  ProgressEvent: progressEventSchema,
  Result: resultBodySchema,
  Metadata: metadataSchema,
  Model: modelViewSchema,
  ModelList: modelListSchema,
  Live: liveBodySchema,
  Ready: readyBodySchema,
  Problem: problemSchema,
  Params: paramsSchema,
  Geometry: geometryFieldSchema,
} as const satisfies Record<string, z.ZodType>;
export type BodyName = keyof typeof BODIES;
