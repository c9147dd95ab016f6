import { EcrLifecyclePolicy } from '@cdktf/provider-aws/lib/ecr-lifecycle-policy/index.js';
import { EcrRepository } from '@cdktf/provider-aws/lib/ecr-repository/index.js';
import { Construct } from 'constructs';
import { PROJECT_PREFIX } from '../stack-context.ts';

/**
 * How many images a repository keeps, newest first. Deployments name images by digest, and a registry does not know what
 * is deployed: an image must stay as long as an environment may run it, because a GPU machine pulls it anew each time.
 * Ten pushes a day for a month fit; an environment that stays behind by more has to be deployed again. Images of one
 * repository share their layers, so the old ones cost what changed between them. Nothing expires by age or for want
 * of a tag: a production that rests for a year is still deployed.
 */
export const IMAGES_KEPT = 300;

export type ImageRegistrySettings = {
  /** Of the images, such as `api`: the repository is `bpi/api`. */
  images: readonly string[];
};

/** Repositories of all images of the account, whatever the environment: what dev has proven is what prod runs. */
export class ImageRegistry extends Construct {
  /** ARNs, in the order of the images. */
  readonly arns: string[];

  constructor(scope: Construct, id: string, settings: ImageRegistrySettings) {
    super(scope, id);
    this.arns = settings.images.map((image) => this.#repository(image));
  }

  #repository(image: string): string {
    const repository = new EcrRepository(this, image, {
      name: repositoryName(image),
      imageTagMutability: 'IMMUTABLE',
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: [{ encryptionType: 'AES256' }],
      forceDelete: false,
      lifecycle: { preventDestroy: true },
    });
    new EcrLifecyclePolicy(this, `${image}-kept`, {
      repository: repository.name,
      policy: JSON.stringify({
        rules: [
          {
            rulePriority: 1,
            description: `the newest ${IMAGES_KEPT}`,
            selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: IMAGES_KEPT },
            action: { type: 'expire' },
          },
        ],
      }),
    });
    return repository.arn;
  }
}

export function repositoryName(image: string): string {
  return `${PROJECT_PREFIX}/${image}`;
}
