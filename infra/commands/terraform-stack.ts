import { access, chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from '@bpi/model-files';
import { z } from 'zod';
import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';
import { type Planned, plannedSchema } from './plan-losses.ts';
import { imagesFile } from './preflight.ts';
import type { Programs, Shown } from './programs.ts';
import { foldersOf, type Stack, type StackFolders } from './stack-folders.ts';
import { NO_STATE } from './state-in-bucket.ts';

const SYNTH_MS_MAX = 60_000;
/** For questions about a state or a plan that is there. */
const READ_MS_MAX = 120_000;

const LOCK_FILE = '.terraform.lock.hcl';
/** What Terraform says of an error, whichever backend holds the state. */
const LOCKED = 'Error acquiring the state lock';
/** Terraform merges it over the backend of the synthesized file. */
const OVERRIDE_FILE = 'backend_override.tf.json';
/** Where Terraform puts the state that it could not save, as when credentials end during an apply. */
const UNSAVED_FILE = 'errored.tfstate';

const synthesizedSchema = z.object({ provider: z.object({ aws: z.array(z.object({ region: z.string() })).min(1) }) });
const outputsSchema = z.record(z.string(), z.object({ value: z.unknown(), sensitive: z.boolean().default(false) }));

/** Output names and values, without those that are secret. */
export type Outputs = Readonly<Record<string, string>>;

export type PlanOptions = {
  what: 'changes' | 'destruction';
  /** `none` where the credentials may only read. */
  lock: 'held' | 'none';
  /** `errors` where others read along: a plan holds the value of every attribute that nobody marked as sensitive. */
  shown?: Shown;
};

/** Terraform's steps for one stack; each failure is a CommandError with Terraform's own exit code. */
export class TerraformStack {
  readonly folders: StackFolders;
  readonly #context: CommandContext;
  readonly #programs: Programs;
  readonly #stack: Stack;
  readonly #again: string;

  /** @param again the command that is to be run once more when a step has failed */
  constructor(context: CommandContext, stack: Stack, again: string) {
    this.folders = foldersOf(context, stack);
    this.#context = context;
    this.#programs = context.programs;
    this.#stack = stack;
    this.#again = again;
  }

  /** @returns the region that the stack is for */
  async synthesize(): Promise<string> {
    const { main, synthesized, data } = this.folders;
    const unsaved = await this.#howToSave();
    if (unsaved !== null) throw new CommandError(unsaved);
    await mkdir(data, { recursive: true });
    // Plans and states hold what nobody else on this machine needs to read.
    await chmod(data, 0o700);
    const images = imagesFile(this.#context);
    const { exitCode, stdout, stderr } = await this.#programs.read({
      program: process.execPath,
      args: [main],
      cwd: this.#context.repoRoot,
      env: images === null ? {} : { IMAGE_DIGESTS: images },
      timeoutMs: SYNTH_MS_MAX,
    });
    if (exitCode !== 0) {
      const why = `${stderr}${stdout}`.trim();
      throw new CommandError(
        `${why}\nThe ${this.#stack} stack was not synthesized: mend that and ${this.#again}.`,
        exitCode,
      );
    }
    const file = join(synthesized, 'cdk.tf.json');
    const parsed = synthesizedSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    const region = parsed.data?.provider.aws[0]?.region;
    if (region === undefined) throw new CommandError(`${file} names no region: mend ${main}.`);
    this.#context.say(`synthesized ${this.#stack} for ${region}`);
    return region;
  }

  /** With the state in the account's bucket; what an earlier run noted about another place is disregarded. */
  async initialize(bucket: string): Promise<void> {
    await rm(join(this.folders.synthesized, OVERRIDE_FILE), { force: true });
    await this.#initialize(['-reconfigure', `-backend-config=bucket=${bucket}`]);
  }

  /** With the state in a file of ours, while its bucket is still to be made. */
  async initializeLocally(): Promise<void> {
    const override = { terraform: { backend: { local: { path: this.folders.localState } } } };
    await writeFile(join(this.folders.synthesized, OVERRIDE_FILE), JSON.stringify(override));
    await this.#initialize(['-reconfigure']);
  }

  /** Moves the state from the file into the bucket; the file stays as it is. */
  async migrateTo(bucket: string): Promise<void> {
    await rm(join(this.folders.synthesized, OVERRIDE_FILE), { force: true });
    await this.#initialize(['-migrate-state', '-force-copy', `-backend-config=bucket=${bucket}`]);
  }

  /** Shows what would be done, if it may, and keeps exactly that in the plan file. */
  async plan({ what, lock, shown = 'all' }: PlanOptions): Promise<void> {
    await this.discardPlan();
    const { planFile } = this.folders;
    const how = [...(what === 'destruction' ? ['-destroy'] : []), ...(lock === 'none' ? ['-lock=false'] : [])];
    await this.#show(['plan', '-input=false', ...how, `-out=${planFile}`], 'nothing was changed', shown);
    await chmod(planFile, 0o600);
  }

  /** The plan file's contents, values and all: for us alone. */
  async planned(): Promise<Planned> {
    const { stdout } = await this.#read(['show', '-json', this.folders.planFile]);
    return plannedSchema.parse(JSON.parse(stdout));
  }

  /** The plan file in words, without secrets and colours. */
  async planAsText(): Promise<string> {
    const { stdout } = await this.#read(['show', '-no-color', this.folders.planFile]);
    return stdout;
  }

  /** Does what the plan file says, and nothing else: Terraform refuses it if the state has changed since. */
  async apply(): Promise<void> {
    const rest = 'what was done is in the state, and the next run goes on from there';
    try {
      await this.#show(['apply', '-input=false', this.folders.planFile], rest);
    } catch (error) {
      const unsaved = await this.#howToSave();
      if (unsaved === null || !(error instanceof CommandError)) throw error;
      throw new CommandError(`${error.message}\n${unsaved}`, error.exitCode);
    }
  }

  async discardPlan(): Promise<void> {
    await rm(this.folders.planFile, { force: true });
  }

  async outputs(): Promise<Outputs> {
    const { stdout } = await this.#read(['output', '-json']);
    const parsed = outputsSchema.parse(JSON.parse(stdout));
    const shown = Object.entries(parsed).filter(([, { sensitive }]) => !sensitive);
    return Object.fromEntries(shown.map(([name, { value }]) => [name, textOf(value)]));
  }

  /** Addresses of everything in the state; none if there is no state either. */
  async resources(): Promise<string[]> {
    const answer = await this.#ask(['state', 'list']);
    if (answer.exitCode !== 0 && answer.stderr.includes(NO_STATE)) return [];
    if (answer.exitCode !== 0) throw this.#failure(['state', 'list'], answer);
    return answer.stdout.split('\n').filter((line) => line !== '');
  }

  async #initialize(where: readonly string[]): Promise<void> {
    const copy = join(this.folders.synthesized, LOCK_FILE);
    await rm(copy, { force: true });
    const locked = await copyFile(this.folders.lockFile, copy).then(() => true, unlessMissing);
    const lock = locked ? ['-lockfile=readonly'] : [];
    await this.#show(['init', '-input=false', ...lock, ...where], 'nothing was changed');
    if (locked) return;
    const made = await copyFile(copy, this.folders.lockFile).then(() => true, unlessMissing);
    if (made) this.#context.say(`Commit ${this.folders.lockFile}: it fixes the provider, by its checksums.`);
  }

  async #show(args: readonly string[], rest: string, shown: Shown = 'all'): Promise<void> {
    const { exitCode, stderr } = await this.#programs.show(this.#call(args), shown);
    if (exitCode === 0) return;
    const sentence = `terraform ${args[0]} failed, and ${rest}: mend what it says above and ${this.#again}.`;
    throw new CommandError(stderr.includes(LOCKED) ? `${sentence}\n${this.#howToUnlock()}` : sentence, exitCode);
  }

  /** A run that was killed leaves its lock behind, and nothing but a human can know that it was. */
  #howToUnlock(): string {
    const unlock = this.#byHand('force-unlock ID');
    return `The state is locked; by whom, and the ID, it says above. Once nobody works on it, \`${unlock}\` frees it.`;
  }

  /** A plan made without it would make everything a second time. Null if there is none. */
  async #howToSave(): Promise<string | null> {
    const file = join(this.folders.synthesized, UNSAVED_FILE);
    if ((await access(file).catch(unlessMissing)) === false) return null;
    const push = `${this.#byHand(`state push ${UNSAVED_FILE}`)} && rm ${UNSAVED_FILE}`;
    return `What was done is not in the state but in ${file}: once your credentials are good again, run \`${push}\`, then ${this.#again}.`;
  }

  #byHand(command: string): string {
    const { synthesized, terraformData } = this.folders;
    return `cd '${synthesized}' && TF_DATA_DIR='${terraformData}' terraform ${command}`;
  }

  async #read(args: readonly string[]) {
    const answer = await this.#ask(args);
    if (answer.exitCode !== 0) throw this.#failure(args, answer);
    return answer;
  }

  #ask(args: readonly string[]) {
    return this.#programs.read({ ...this.#call(args), timeoutMs: READ_MS_MAX });
  }

  #failure(args: readonly string[], { exitCode, stderr }: { exitCode: number; stderr: string }): CommandError {
    const sentence = `terraform ${args[0]} failed: mend what it says above and ${this.#again}.`;
    return new CommandError(`${stderr.trim()}\n${sentence}`, exitCode);
  }

  #call(args: readonly string[]) {
    const { synthesized, terraformData } = this.folders;
    // It must not propose commands of its own: they would pass by what is done here.
    const env = { TF_DATA_DIR: terraformData, TF_IN_AUTOMATION: '1', TF_INPUT: '0' };
    return { program: 'terraform', args, cwd: synthesized, env };
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
