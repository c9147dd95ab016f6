import { z } from 'zod';

const row = z.tuple([z.number(), z.number(), z.number(), z.number()]);

/** 4×4, RAS+ millimetres from voxel indices (i, j, k) = (x, y, z), as nibabel's `affine`. */
export const affineSchema = z.tuple([row, row, row, row]);
export type Affine = z.infer<typeof affineSchema>;

/** Order of the three numbers in the NPZ's `spacing`: the challenge's files say x,y,z although `imgs` is z,y,x. */
export const SPACING_ORDERS = ['xyz', 'zyx'] as const;
export type SpacingOrder = (typeof SPACING_ORDERS)[number];

/** The optional `geometry` field of `POST /infer`. */
export const geometryFieldSchema = z.strictObject({
  affine: affineSchema.optional(),
  spacing_order: z.enum(SPACING_ORDERS).optional(),
});
export type GeometryField = z.infer<typeof geometryFieldSchema>;
