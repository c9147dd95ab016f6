import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../docker/host.ts';
import type { SynthesizedJson } from './terraform-text.ts';

const STACKS = ['bootstrap', 'dev', 'prod'] as const;
export const STACK_FILE = 'cdk.tf.json';
const SYNTHESIS_TIMEOUT_MS = 60_000;

export type SynthesizedFile = { name: string; folder: string; stack: SynthesizedJson };

/** Every stack of this checkout, synthesized anew. Throws what the synthesis said. */
export function synthesizeStacks(repoRoot: string): Promise<SynthesizedFile[]> {
  return Promise.all(STACKS.map((name) => synthesize(repoRoot, name)));
}

async function synthesize(repoRoot: string, name: string): Promise<SynthesizedFile> {
  const program = join(repoRoot, 'infra/envs', name);
  // No repository is meant: what is checked is the same for all.
  const environment = { ...process.env, GITHUB_REPOSITORY: 'example/example', IMAGE_DIGESTS: '' };
  const options = { environment, timeoutMs: SYNTHESIS_TIMEOUT_MS };
  const { exitCode, tail } = await runCommand([process.execPath, join(program, 'main.ts')], options);
  if (exitCode !== 0) throw new Error(`The stack ${name} cannot be synthesized: ${tail}`);
  const folder = join(program, 'cdktf.out/stacks', name);
  const stack = JSON.parse(await readFile(join(folder, STACK_FILE), 'utf8')) as SynthesizedJson; // cdktf's own output
  return { name, folder, stack };
}
