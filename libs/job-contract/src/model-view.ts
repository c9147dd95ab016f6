import { z } from 'zod';
import { modelManifestSchema } from './model-manifest.ts';

/** What a client needs to make a request that this model takes; where its image lies is nobody's business. */
export const modelViewSchema = modelManifestSchema
  .pick({
    name: true,
    version: true,
    title: true,
    description: true,
    licence: true,
    intended_use: true,
    evidence: true,
    input: true,
    prompts: true,
    prompt_examples: true,
    fixed_labels: true,
    params: true,
    progress_steps: true,
    attempt_timeout_s: true,
  })
  .extend({
    is_default: z.boolean().describe('Of requests that name no model.'),
    weights: z
      .enum(['in_image', 'pinned', 'not_pinned'])
      .describe(
        'not_pinned: nobody has said yet which file they are, so that its jobs fail as model_unavailable. ' +
          'in_image: there is no file beside the image.',
      ),
    limits: z
      .strictObject({
        upload_bytes_max: z.int(),
        imgs_bytes_max: z.int(),
        voxels_max: z.int(),
        dim_max: z.int(),
        npz_members_max: z.int(),
        prompt_count_max: z.int(),
        prompt_chars_max: z.int(),
        params_bytes_max: z.int(),
        geometry_bytes_max: z.int(),
      })
      .describe('Of this deployment.'),
  });
export type ModelView = z.infer<typeof modelViewSchema>;

/** Of `GET /models`. */
export const modelListSchema = z.strictObject({ models: z.array(modelViewSchema) });
export type ModelList = z.infer<typeof modelListSchema>;
