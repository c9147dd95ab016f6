/** What happened in one run, line by line, and a number that stands for all of it. */
export class Trace {
  readonly #lines: string[] | null;
  readonly #nowMs: () => number;
  #low = 0x811c9dc5;
  #high = 0x9dc5811c;

  /** Without `keep` only the hash is made: a thousand runs need no lines. */
  constructor(nowMs: () => number, keep: boolean) {
    this.#nowMs = nowMs;
    this.#lines = keep ? [] : null;
  }

  note(who: string, what: string): void {
    const line = `${this.#nowMs()} ${who}: ${what}`;
    // FNV-1a over the characters, and a second sum so that a coincidence takes 64 bits.
    for (let at = 0; at < line.length; at += 1) {
      const code = line.charCodeAt(at);
      this.#low = Math.imul(this.#low ^ code, 0x01000193);
      this.#high = Math.imul(this.#high ^ code, 0x85ebca6b) + 1;
    }
    this.#lines?.push(line);
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** Sixteen hexadecimal digits. Equal for two runs exactly if they did the same at the same times. */
  get hash(): string {
    return [this.#high, this.#low].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
