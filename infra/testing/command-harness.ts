import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandContext } from '../commands/command-context.ts';
import { Programs } from '../commands/programs.ts';
import { StandInPrograms } from './stand-in-programs.ts';

const MODELS = join(import.meta.dirname, '../../apps/models');
const MODEL_NAMES = ['biomedparse', 'brain-mri'];

/** Writes what a synthesis does, as far as the commands read it. */
const MAIN = `
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
const folder = join(import.meta.dirname, 'cdktf.out/stacks/STACK');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'cdk.tf.json'), JSON.stringify({
  provider: { aws: [{ region: 'eu-central-1' }] },
  terraform: { backend: { s3: { key: 'STACK/terraform.tfstate' } } }, images: process.env.IMAGE_DIGESTS ?? null }));
`;

/** A repository of our shape in a temporary folder, stand-ins for all programs, and what the command said. */
export class CommandHarness {
  readonly repoRoot: string;
  readonly standIn: StandInPrograms;
  readonly env: Record<string, string>;
  readonly said: string[] = [];
  /** What it asked at the terminal. */
  readonly asked: string[] = [];
  /** What is typed at the terminal, in order; null = there is none. */
  typed: string[] | null = null;
  readonly programs: Programs;

  private constructor(repoRoot: string, standIn: StandInPrograms) {
    this.repoRoot = repoRoot;
    this.standIn = standIn;
    this.env = {
      PATH: standIn.path(),
      TF_STATE_BUCKET: 'bpi-state-123456789012',
      TF_VAR_alert_email: 'someone@example.org',
      GITHUB_REPOSITORY: 'example/platform',
      IMAGE_REGISTRY: '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
      IMAGE_DIGESTS: join(repoRoot, 'images.json'),
    };
    this.programs = new Programs(this.env);
  }

  static async make(): Promise<CommandHarness> {
    const repoRoot = await mkdtemp(join(tmpdir(), 'commands-'));
    for (const stack of ['dev', 'prod', 'bootstrap']) {
      await mkdir(join(repoRoot, 'infra/envs', stack), { recursive: true });
      await writeFile(join(repoRoot, 'infra/envs', stack, 'main.ts'), MAIN.replaceAll('STACK', stack));
    }
    for (const name of MODEL_NAMES) {
      await mkdir(join(repoRoot, 'apps/models', name), { recursive: true });
      await cp(join(MODELS, name, 'model.json'), join(repoRoot, 'apps/models', name, 'model.json'));
    }
    const harness = new CommandHarness(repoRoot, await StandInPrograms.make());
    await harness.writeImages('1'.repeat(64));
    return harness;
  }

  async remove(): Promise<void> {
    await this.standIn.remove();
    await rm(this.repoRoot, { recursive: true, force: true });
  }

  get context(): CommandContext {
    return {
      repoRoot: this.repoRoot,
      dataDir: this.path('data'),
      env: this.env,
      programs: this.programs,
      say: (line) => this.said.push(line),
      echo: () => {},
      ask: async (question) => {
        this.asked.push(question);
        return this.typed === null ? null : (this.typed.shift() ?? '');
      },
    };
  }

  path(...parts: string[]): string {
    return join(this.repoRoot, ...parts);
  }

  text(...parts: string[]): Promise<string> {
    return readFile(this.path(...parts), 'utf8');
  }

  async writeImages(digest: string): Promise<void> {
    const names = ['api', 'worker', 'stager', ...MODEL_NAMES];
    const images = Object.fromEntries(names.map((name) => [name, `registry/bpi/${name}@sha256:${digest}`]));
    await writeFile(this.path('images.json'), JSON.stringify(images));
  }
}
