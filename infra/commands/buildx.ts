import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CommandError } from './command-error.ts';
import type { ImageToPush } from './images-to-push.ts';
import { NOT_FOUND, type ProgramAnswer, type Programs } from './programs.ts';

const INSPECT_MS_MAX = 60_000;
/** A model's image pulls a base, installs and converts; emulated, it does so slowly. */
const BUILD_MS_MAX = 60 * 60_000;

const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const manifestSchema = z.object({ digest: digestSchema });
const metadataSchema = z.object({ 'containerimage.digest': digestSchema });

/** In a line of docker's own about an error alone: a build's log may hold any of it, digests above all. */
const NOT_AUTHORISED =
  /^(#\d+ )?error\b.*(no basic auth credentials|authorization token has expired|unauthorized|\b40[13]\b|requested access to the resource is denied|(?<!permission )denied: )/im;
const NO_REPOSITORY = /name unknown|repository with name .* does not exist|RepositoryNotFound/i;
const NO_SUCH_TAG = /not found|manifest unknown/i;
const NO_EMULATION = /exec format error/i;
const NO_BUILDX = /unknown command: docker buildx|is not a docker command|unknown (shorthand )?flag/i;

/** Builds and pushes with `docker buildx`; each failure is a CommandError that names the command to run first. */
export class Buildx {
  readonly #programs: Programs;
  readonly #registry: string;
  readonly #echo: (text: string) => void;

  constructor(programs: Programs, registry: string, echo: (text: string) => void) {
    this.#programs = programs;
    this.#registry = registry;
    this.#echo = echo;
  }

  /** Digest of what the registry has under this name and tag; null if it has nothing. */
  async digestOf(reference: string): Promise<string | null> {
    const args = ['buildx', 'imagetools', 'inspect', reference, '--format', '{{json .Manifest}}'];
    const answer = await this.#programs.read({ program: 'docker', args, cwd: tmpdir(), timeoutMs: INSPECT_MS_MAX });
    if (answer.exitCode === 0) return manifestSchema.parse(JSON.parse(answer.stdout)).digest;
    const isAbsent = NO_SUCH_TAG.test(answer.stderr) && !NO_REPOSITORY.test(answer.stderr);
    if (isAbsent && answer.exitCode !== NOT_FOUND) return null;
    throw this.#failure(`Asking for ${reference}`, answer);
  }

  /** @returns the pushed image's digest, which the registry will answer for */
  async buildAndPush(image: ImageToPush, reference: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'bpi-push-'));
    const context = await mkdtemp(join(tmpdir(), 'bpi-context-'));
    try {
      await image.stage(context);
      const metadataFile = join(folder, 'metadata.json');
      const buildArgs = Object.entries(image.buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
      const args = [
        ...['buildx', 'build', '--platform', image.architecture, '--push'],
        // An attestation would make it an index, whose digest no task can be compared with.
        ...['--provenance=false', '--sbom=false', '--progress=plain', '--metadata-file', metadataFile],
        ...buildArgs,
        ...['-f', join(context, image.dockerfile), '-t', reference, context],
      ];
      const call = { program: 'docker', args, cwd: context, timeoutMs: BUILD_MS_MAX, echo: this.#echo };
      const answer = await this.#programs.read(call);
      if (answer.exitCode !== 0) throw this.#failure(`Building and pushing ${reference}`, answer, image);
      return metadataSchema.parse(JSON.parse(await readFile(metadataFile, 'utf8')))['containerimage.digest'];
    } finally {
      await Promise.all([folder, context].map((path) => rm(path, { recursive: true, force: true })));
    }
  }

  #failure(what: string, { exitCode, stdout, stderr }: ProgramAnswer, image?: ImageToPush): CommandError {
    const said = `${stdout}${stderr}`;
    const lastLines = said.trim().split('\n').slice(-5).join('\n');
    return new CommandError(`${lastLines}\n${what} failed: ${this.#whatToDo(exitCode, said, image)}`, exitCode);
  }

  #whatToDo(exitCode: number, said: string, image: ImageToPush | undefined): string {
    if (exitCode === NOT_FOUND) return 'Docker is missing: install it as https://docs.docker.com/engine/install says.';
    if (NO_BUILDX.test(said)) return 'Docker lacks buildx: install the package docker-buildx-plugin.';
    if (NO_EMULATION.test(said) && image !== undefined) {
      const [, cpu = ''] = image.architecture.split('/');
      const emulate = `docker run --privileged --rm tonistiigi/binfmt --install ${cpu}`;
      return `this machine does not run ${image.architecture}: run \`${emulate}\`, or push from one that does.`;
    }
    if (NO_REPOSITORY.test(said)) return 'the registry has no such repository: run `npx nx run infra:bootstrap`.';
    if (NOT_AUTHORISED.test(said)) return `the registry does not know you: run \`${loginCommand(this.#registry)}\`.`;
    return 'mend what its last lines say and run `npx nx run infra:push-images` again; what was pushed is not built anew.';
  }
}

/** ECR's passwords last 12 hours. */
function loginCommand(registry: string): string {
  const region = /\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com$/.exec(registry)?.[1];
  if (region === undefined) return `docker login ${registry}`;
  const password = `aws ecr get-login-password --region ${region}`;
  return `${password} | docker login --username AWS --password-stdin ${registry}`;
}
