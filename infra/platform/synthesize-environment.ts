import type { ModelManifest } from '@bpi/job-contract';
import { imageNames, readModels } from './catalogue.ts';
import { checkModels } from './check-models.ts';
import { absentImages, readImages, type Images } from './images.ts';
import { PlatformStack } from './platform-stack.ts';
import { checkSettings, type PlatformSettings } from './settings.ts';
import { orSay, synthesize } from './synthesize.ts';

export type Synthesis = {
  outdir: string;
  /** What IMAGE_DIGESTS names; without it the stack is good to read and to test, and it is said so. */
  imagesFile: string | undefined;
};

/** One environment as a Terraform stack in a folder. What is wrong is said in sentences, and the process exits with 1. */
export async function synthesizeEnvironment(settings: PlatformSettings, synthesis: Synthesis): Promise<void> {
  await orSay(async () => {
    const manifests = await readModels();
    const { environment } = checkSettings(settings);
    checkModels(settings, manifests);
    const images = imagesOf(manifests, synthesis.imagesFile);
    synthesize(synthesis.outdir, (app) => new PlatformStack(app, environment, { settings, manifests, images }));
  });
}

function imagesOf(manifests: readonly ModelManifest[], file: string | undefined): Images {
  const names = imageNames(manifests);
  if (file !== undefined && file !== '') return readImages(file, names);
  process.stderr.write('IMAGE_DIGESTS names no file: the images are placeholders, and this cannot be deployed.\n');
  return absentImages(names);
}
