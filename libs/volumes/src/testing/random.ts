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
