import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runPython } from './python.ts';

export type JudgedKind = 'pickles' | 'headers' | 'inputs' | 'masks';

export type Verdict = {
  readonly checked: number;
  /** One example of each kind of disagreement, the file in base64. */
  readonly disagreements: readonly { readonly reason: string; readonly source: string }[];
  readonly reasons: Readonly<Record<string, number>>;
};

const LINES_HELD_MAX = 2000;

/** Collects what was accepted in a file, and has one Python process read all of it with NumPy. */
export class NumpyJudge {
  readonly kind: JudgedKind;
  count = 0;
  readonly #folder: string;
  #lines: string[] = [];

  private constructor(kind: JudgedKind, folder: string) {
    this.kind = kind;
    this.#folder = folder;
  }

  static async open(kind: JudgedKind): Promise<NumpyJudge> {
    return new NumpyJudge(kind, await mkdtemp(join(tmpdir(), 'volumes-mutants-')));
  }

  /** @param source the bytes as they came; @param understood what our reader made of them. */
  async add(source: Buffer, understood: Readonly<Record<string, unknown>>): Promise<void> {
    this.#lines.push(JSON.stringify({ source: source.toString('base64'), ...understood }));
    this.count += 1;
    if (this.#lines.length >= LINES_HELD_MAX) await this.#flush();
  }

  async verdict(interpreter: string | undefined): Promise<Verdict> {
    await this.#flush();
    const verdict: Verdict = JSON.parse(await runPython(interpreter, 'numpy_mutants.py', this.kind, this.#path));
    return verdict;
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #path(): string {
    return join(this.#folder, `${this.kind}.jsonl`);
  }

  async #flush(): Promise<void> {
    await appendFile(this.#path, this.#lines.map((line) => `${line}\n`).join(''));
    this.#lines = [];
  }
}
