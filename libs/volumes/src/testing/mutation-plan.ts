/** How many mutants there are, and which. */
export type MutationPlan = {
  /** The same seed gives the same mutants. */
  readonly seed: number;
  readonly pickles: number;
  readonly headers: number;
  readonly archives: number;
};

const LONG = { pickles: 500_000, headers: 200_000, archives: 20_000 };
/** What every run of the tests can afford: about half a minute on one core. */
const SHARE = 0.1;

/**
 * Reads `BPI_TEST_LONG` (`1` asks for all mutants; `tools/test --long` sets it) and `BPI_TEST_SEED` (an integer; taken from
 * the clock when missing, and printed by the tests).
 */
export function mutationPlan(env: Readonly<Record<string, string | undefined>>): MutationPlan {
  const seed = env['BPI_TEST_SEED'] === undefined ? Date.now() % 2 ** 31 : Number(env['BPI_TEST_SEED']);
  if (!Number.isInteger(seed)) throw new Error('BPI_TEST_SEED must be an integer, as the tests print it.');
  const share = env['BPI_TEST_LONG'] === '1' ? 1 : SHARE;
  return {
    seed,
    pickles: LONG.pickles * share,
    headers: LONG.headers * share,
    archives: LONG.archives * share,
  };
}
