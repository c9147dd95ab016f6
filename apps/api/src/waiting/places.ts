export type PlaceLimits = { perClientMax: number; max: number };

/** Counts what is held open for clients, so that neither one of them nor all together take every connection. */
export class Places {
  readonly #limits: PlaceLimits;
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  /** Places that are taken. */
  get taken(): number {
    return this.#all;
  }

  /** Answers the function that gives the place back; null = there is none. */
  enter(clientId: string): (() => void) | null {
    const own = this.#taken.get(clientId) ?? 0;
    if (own >= this.#limits.perClientMax || this.#all >= this.#limits.max) return null;
    this.#taken.set(clientId, own + 1);
    this.#all += 1;
    return () => {
      const left = (this.#taken.get(clientId) ?? 1) - 1;
      this.#all -= 1;
      if (left === 0) this.#taken.delete(clientId);
      else this.#taken.set(clientId, left);
    };
  }
}
