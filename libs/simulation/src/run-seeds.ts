import { SIZES } from './settings.ts';
import { simulate } from './simulate.ts';

export type Seeds = { from: number; count: number; keepTrace: boolean };

/** Runs one seed after the other, says what each violation is and how to see it again. Resolves to how many there are. */
export async function runSeeds({ from, count, keepTrace }: Seeds, say: (line: string) => void): Promise<number> {
  const startedMs = performance.now();
  const ends = new Map<string, number>();
  let events = 0;
  let wrong = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await simulate({ seed, keepTrace });
    for (const line of outcome.lines) say(line);
    events += outcome.events;
    for (const [end, n] of Object.entries(outcome.ends)) ends.set(end, (ends.get(end) ?? 0) + n);
    if (count === 1) say(`seed ${seed}: trace ${outcome.hash}`);
    if (outcome.violation === null) continue;
    wrong += 1;
    say(`seed ${seed}: ${outcome.violation.message}`);
    say(`  to see it again: ${commandOf(seed)}`);
  }
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  const processorSeconds = (process.cpuUsage().user / 1_000_000).toFixed(1);
  say(
    `simulation: ${count} seeds from ${from}, ${SIZES.jobs} orders each, ${events} events, ${wrong} violations, ` +
      `${seconds} s (${processorSeconds} s of processor); ${JSON.stringify(Object.fromEntries(ends))}`,
  );
  return wrong;
}

export function commandOf(seed: number): string {
  return `node libs/simulation/src/main.ts --seed ${seed} --trace`;
}
