import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Container images by name: `api`, `worker`, `stager`, and one per model; each ends in its digest. */
export type Images = Readonly<Record<string, string>>;

const imagesSchema = z.record(
  z.string().max(64),
  z.string().regex(/^[a-z0-9][a-z0-9._/:-]{0,300}@sha256:[0-9a-f]{64}$/),
);

const ABSENT_DIGEST = `sha256:${'0'.repeat(64)}`;

/** What an environment is synthesized with while nobody has pushed its images: good to read and to test, not to deploy. */
export function absentImages(names: readonly string[]): Images {
  return Object.fromEntries(names.map((name) => [name, `absent/${name}@${ABSENT_DIGEST}`]));
}

/** @throws Error for an image that nobody named, which `readImages` does not let through */
export function imageOf(images: Images, name: string): string {
  const image = images[name];
  if (image === undefined) throw new Error(`There is no image of ${name}: ${PUSH}`);
  return image;
}

/** Whether every image was really pushed. */
export function areAllPresent(images: Images): boolean {
  return Object.values(images).every((image) => !image.endsWith(ABSENT_DIGEST));
}

/**
 * The images that IMAGE_DIGESTS names, as `push-images` wrote them.
 * @throws Error if the file is not there or not whole: one sentence that says what to do.
 */
export function readImages(file: string, names: readonly string[]): Images {
  const { images, missing, unknown } = completeImages(file, names);
  if (missing.length > 0) throw new Error(`${file} lacks ${missing.join(', ')}: ${PUSH}`);
  if (unknown.length > 0) throw new Error(`${file} names ${unknown.join(', ')}, which nothing here uses: ${PUSH}`);
  return images;
}

export type CompletedImages = {
  images: Images;
  /** Got a placeholder. */
  missing: string[];
  /** Were dropped: nothing here uses them. */
  unknown: string[];
};

/**
 * The same for a plan, which runs nothing: a branch that adds or removes a model has no images of its own.
 * @throws Error if the file is not there or holds something else: one sentence that says what to do.
 */
export function completeImages(file: string, names: readonly string[]): CompletedImages {
  const given = parseImages(file);
  const missing = names.filter((name) => !Object.hasOwn(given, name));
  const unknown = Object.keys(given).filter((name) => !names.includes(name));
  const known = Object.entries(given).filter(([name]) => names.includes(name));
  return { images: { ...Object.fromEntries(known), ...absentImages(missing) }, missing, unknown };
}

const PUSH = 'run `npx nx run infra:push-images`, which writes it whole.';

function parseImages(file: string): Images {
  try {
    return imagesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new Error(`${file} is no file of images like {"api":"repository@sha256:…"}: ${PUSH}`, { cause });
  }
}
