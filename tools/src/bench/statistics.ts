/** Figures of one run, and what is said of them. Nothing here assumes a distribution: a shared machine has none. */

export type Spread = { readonly median: number; readonly min: number; readonly max: number };

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantileOf(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** The value that this share (0 to 1) of all values does not exceed. */
export function quantile(values: Iterable<number>, share: number): number {
  return quantileOf(Float64Array.from(values).sort(), share);
}

function quantileOf(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Round by round: what disturbs the machine for a while disturbs both sides of a round. */
export function pairwise(left: readonly number[], right: readonly number[]): number[] {
  return left.map((value, round) => value / (right[round] ?? Number.NaN));
}
