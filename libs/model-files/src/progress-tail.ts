import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const CHUNK_BYTES = 64 * 1024;
/** Neither through a link, nor waiting for the other end of a pipe. */
const UNTRUSTED = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** A longer line is no progress line. */
const LINE_BYTES_MAX = 1024;

export type ProgressLine = { fraction: number; step: string };

/**
 * Reads what was appended to a model's progress file since the last look. The file is untrusted: no link, no pipe
 * that would block, no more than `bytesMax` in total, only fractions in [0, 1] and steps from the given list.
 */
export class ProgressTail {
  readonly #path: string;
  readonly #steps: readonly string[];
  readonly #bytesMax: number;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(path: string, steps: readonly string[], bytesMax: number) {
    this.#path = path;
    this.#steps = steps;
    this.#bytesMax = bytesMax;
  }

  /** The newest valid line since the last call, or null. */
  async read(): Promise<ProgressLine | null> {
    const file = await open(this.#path, UNTRUSTED).catch(() => null);
    if (file === null) return null;
    try {
      if (!(await file.stat()).isFile()) return null;
      let newest: ProgressLine | null = null;
      while (this.#offset < this.#bytesMax) {
        const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, this.#bytesMax - this.#offset));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, this.#offset);
        if (bytesRead === 0) break;
        this.#offset += bytesRead;
        newest = this.#newestOf(chunk.subarray(0, bytesRead)) ?? newest;
      }
      return newest;
    } catch {
      return null; // a model may do anything to its file while we read it; progress is only a courtesy
    } finally {
      await file.close();
    }
  }

  #newestOf(chunk: Buffer): ProgressLine | null {
    const text = Buffer.concat([this.#rest, chunk]);
    const end = text.lastIndexOf(0x0a);
    const rest = text.subarray(end + 1);
    // An endless line is given up; what follows its end is read again as lines.
    this.#rest = rest.length > LINE_BYTES_MAX ? Buffer.alloc(0) : Buffer.from(rest);
    if (end < 0) return null;
    const lines = text.subarray(0, end).toString('utf8').split('\n');
    for (const line of lines.reverse()) {
      const parsed = parseProgressLine(line, this.#steps);
      if (parsed !== null) return parsed;
    }
    return null;
  }
}

export function parseProgressLine(line: string, steps: readonly string[]): ProgressLine | null {
  if (line.length > LINE_BYTES_MAX) return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('fraction' in value) || !('step' in value)) return null;
  const { fraction, step } = value;
  if (typeof fraction !== 'number' || !(fraction >= 0 && fraction <= 1)) return null;
  return typeof step === 'string' && steps.includes(step) ? { fraction, step } : null;
}
