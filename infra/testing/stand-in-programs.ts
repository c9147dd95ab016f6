import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What a stand-in does when its command line begins so; of several the last one given counts. */
export type StandInRule = {
  /** As typed: `terraform plan`. */
  when: string;
  /** Only in a working folder whose path has this in it. */
  in?: string;
  /** The first time only. */
  onceOnly?: true;
  exitCode?: number;
  stdout?: string;
  stderr?: string;
  /** Text by file name, written into the working folder. */
  writes?: Readonly<Record<string, string>>;
  /** Runs until it is told to end, as Terraform in the middle of an apply; then its own exit code. */
  hangs?: true;
};

export type StandInCall = {
  program: string;
  args: readonly string[];
  cwd: string;
  /** Of those variables that matter here. */
  env: Readonly<Record<string, string>>;
  /** What the file given as the last argument held: the plan that was applied. */
  file: string | null;
  /** Text of the backend override in the working folder, if there was one. */
  override: string | null;
  /** Whether the working folder held a lock file. */
  hadLockFile: boolean;
};

const PROGRAMS = ['terraform', 'docker', 'git'] as const;
const KEPT_ENV = ['TF_DATA_DIR', 'TF_IN_AUTOMATION', 'TF_INPUT', 'TF_VAR_alert_email', 'IMAGE_DIGESTS'];

/**
 * Programs that do nothing but write down how they were called, and answer as they are told. Terraform's plan writes a
 * file of its own each time, so that it can be seen which plan was applied.
 */
export class StandInPrograms {
  readonly folder: string;
  readonly #rules: StandInRule[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<StandInPrograms> {
    const standIn = new StandInPrograms(await mkdtemp(join(tmpdir(), 'stand-in-')));
    await writeFile(join(standIn.folder, 'stand-in.cjs'), STAND_IN);
    for (const program of PROGRAMS) {
      const text = `#!/bin/sh\nexec '${process.execPath}' '${standIn.folder}/stand-in.cjs' ${program} "$@"\n`;
      await writeFile(join(standIn.folder, program), text, { mode: 0o755 });
    }
    await writeFile(join(standIn.folder, 'calls'), '');
    await standIn.answer({ when: 'terraform version', stdout: '{"terraform_version":"1.11.4"}' });
    await standIn.answer({ when: 'terraform output', stdout: '{}' });
    await standIn.answer({ when: 'terraform show -json', stdout: '{}' });
    return standIn;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async without(program: (typeof PROGRAMS)[number]): Promise<void> {
    await rm(join(this.folder, program));
  }

  async answer(rule: StandInRule): Promise<void> {
    this.#rules.unshift(rule);
    await writeFile(join(this.folder, 'rules.json'), JSON.stringify(this.#rules));
  }

  /** Before the programs that are really there, as `path` names them; without them no other program is found. */
  path(others?: string): string {
    return [this.folder, ...(others === undefined ? [] : [others])].join(delimiter);
  }

  async calls(program?: (typeof PROGRAMS)[number]): Promise<StandInCall[]> {
    const lines = (await readFile(join(this.folder, 'calls'), 'utf8')).split('\n').filter((line) => line !== '');
    const calls = lines.map((line): StandInCall => JSON.parse(line));
    return program === undefined ? calls : calls.filter((call) => call.program === program);
  }

  /** Each call as `terraform plan`: program and first argument. */
  async steps(): Promise<string[]> {
    return (await this.calls()).map(({ program, args }) => `${program} ${args[0] ?? ''}`);
  }
}

const STAND_IN = `
const { appendFileSync, existsSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const [program, ...args] = process.argv.slice(2);
const textOf = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : null);
const isPath = (text) => text !== undefined && text.startsWith('/');
const env = Object.fromEntries(${JSON.stringify(KEPT_ENV)}.flatMap((name) => name in process.env ? [[name, process.env[name]]] : []));
const note = (call) => appendFileSync(join(__dirname, 'calls'), JSON.stringify(call) + '\\n');
const call = { program, args, cwd: process.cwd(), env,
  file: isPath(args.at(-1)) && args[0] !== 'build' && args[0] !== 'buildx' ? textOf(args.at(-1)) : null,
  override: textOf('backend_override.tf.json'), hadLockFile: existsSync('.terraform.lock.hcl') };
const line = [program, ...args].join(' ');
const rules = JSON.parse(readFileSync(join(__dirname, 'rules.json'), 'utf8'));
const rule = rules.find((rule) => line.startsWith(rule.when) && process.cwd().includes(rule.in ?? '')) ?? {};
if (rule.onceOnly) writeFileSync(join(__dirname, 'rules.json'), JSON.stringify(rules.filter((other) => other !== rule)));
if (rule.hangs) {
  const timer = setTimeout(() => {}, 60_000); // not for ever, whoever forgets it
  // Terraform ends an operation that it was told to cancel with 1.
  process.on('SIGTERM', () => { note({ ...call, args: ['ended', ...args] }); clearTimeout(timer); process.exitCode = 1; });
}
note(call); // once it is noted, a test may send its signal
for (const [name, text] of Object.entries(rule.writes ?? {})) writeFileSync(name, text);
const out = args.find((arg) => arg.startsWith('-out='));
if (out !== undefined && (rule.exitCode ?? 0) === 0) writeFileSync(out.slice(5), 'plan of ' + process.pid + ': ' + line);
const metadata = args.indexOf('--metadata-file');
if (metadata >= 0) writeFileSync(args[metadata + 1], rule.stdout ?? '{}');
process.stdout.write(rule.stdout ?? '');
process.stderr.write(rule.stderr ?? '');
process.exitCode = rule.exitCode ?? 0;
`;
