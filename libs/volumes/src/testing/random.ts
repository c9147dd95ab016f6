/** Uniform in [0, 1), the same for the same seed. Source: Marsaglia, "Xorshift RNGs" (2003), 32 bits. */
export function seededRandom(seed: number): () => number {
  let state = seed === 0 ? 1 : seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** A copy with up to eight bytes changed, removed or repeated. */
export function mutate(bytes: Buffer, random: () => number): Buffer {
  const mutant = Buffer.from(bytes);
  const at = () => Math.floor(random() * mutant.length);
  const changes = 1 + Math.floor(random() * 8);
  for (let change = 0; change < changes; change += 1) {
    const kind = random();
    if (kind < 0.5) mutant[at()] = Math.floor(random() * 256);
    else if (kind < 0.7) mutant[at()] = [0, 0x7f, 0x80, 0xff][Math.floor(random() * 4)] ?? 0;
    else if (kind < 0.8) mutant.copy(mutant, at(), at(), at());
    else if (kind < 0.85) return mutant.subarray(0, at());
    else {
      const bit = at();
      mutant[bit] = (mutant[bit] ?? 0) ^ (1 << Math.floor(random() * 8));
    }
  }
  return mutant;
}

/** An integer from 0 to `count - 1`. */
export function below(random: () => number, count: number): number {
  return Math.floor(random() * count);
}

/** One of the items; throws when there are none. */
export function pick<T>(random: () => number, items: readonly T[]): T {
  const item = items[below(random, items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

/** Removes, repeats, swaps or replaces some of `parts` in place; `invent` makes a part from nothing or from an old one. */
export function shuffleParts<T>(parts: T[], random: () => number, invent: (old: T | undefined) => T): void {
  const at = below(random, parts.length);
  const part = parts[at];
  const kind = random();
  if (part === undefined || kind < 0.15) parts.splice(at, 0, invent(undefined));
  else if (kind < 0.3) parts.splice(at, 1);
  else if (kind < 0.4) parts.splice(below(random, parts.length), 0, part);
  else if (kind < 0.5) {
    const other = below(random, parts.length);
    parts[at] = parts[other] ?? part;
    parts[other] = part;
  } else parts[at] = invent(part);
}
