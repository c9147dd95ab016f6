/** Which seeds a test run takes. */
export type SeedPlan = { from: number; count: number };

const SEEDS = 1_000;
const SEEDS_LONG = 20_000;
/** Far enough apart that two runs on one day share no seed, and small enough to be typed. */
const FROM_MAX = 2 ** 30;

/**
 * Reads `BPI_TEST_LONG` (`1` asks for all seeds; `tools/test --long` sets it) and `BPI_TEST_SEED` (the first one, an integer;
 * taken from the clock when missing, and printed by the tests).
 */
export function seedPlan(env: Readonly<Record<string, string | undefined>>): SeedPlan {
  const from = env['BPI_TEST_SEED'] === undefined ? Date.now() % FROM_MAX : Number(env['BPI_TEST_SEED']);
  if (!Number.isInteger(from)) throw new Error('BPI_TEST_SEED must be an integer, as the tests print it.');
  return { from, count: env['BPI_TEST_LONG'] === '1' ? SEEDS_LONG : SEEDS };
}
