import { join } from 'node:path';

export const STACKS = ['dev', 'prod', 'bootstrap'] as const;
export type Stack = (typeof STACKS)[number];

export type StackFolders = {
  /** Synthesizes it, with the images that IMAGE_DIGESTS names. */
  main: string;
  /** Terraform runs here: holds the synthesized `cdk.tf.json`. */
  synthesized: string;
  /** Committed beside the sources; a copy lies in `synthesized` while Terraform runs. */
  lockFile: string;
  /** Ours alone. */
  data: string;
  planFile: string;
  /** Holds the number of the process that works on the stack. */
  holder: string;
  /** The images of a plan, where the given file is not whole. */
  wholeImages: string;
  /** What Terraform keeps between its commands (TF_DATA_DIR): providers, and where the state is. */
  terraformData: string;
  /** The state of a stack whose bucket is not there yet. */
  localState: string;
};

export function foldersOf({ repoRoot, dataDir }: { repoRoot: string; dataDir: string }, stack: Stack): StackFolders {
  const sources = join(repoRoot, 'infra/envs', stack);
  const data = join(dataDir, stack);
  return {
    main: join(sources, 'main.ts'),
    synthesized: join(sources, 'cdktf.out/stacks', stack),
    lockFile: join(sources, '.terraform.lock.hcl'),
    data,
    planFile: join(data, 'terraform.plan'),
    holder: join(data, 'process'),
    wholeImages: join(data, 'images.json'),
    terraformData: join(data, 'terraform'),
    localState: join(data, 'terraform.tfstate'),
  };
}
