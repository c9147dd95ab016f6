/** Gives equal values one small number, so that a state is a few numbers and comparing states is cheap. */
export class Interner<T> {
  readonly #ids = new Map<string, number>();
  readonly #values: T[] = [];

  /** Equal = same JSON; values are made by code that always writes the fields in one order. */
  idOf(value: T): number {
    const key = JSON.stringify(value);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#values.length;
    this.#ids.set(key, id);
    this.#values.push(value);
    return id;
  }

  valueOf(id: number): T {
    const value = this.#values[id];
    if (value === undefined) throw new Error('this number was never given out');
    return value;
  }

  get size(): number {
    return this.#values.length;
  }
}
