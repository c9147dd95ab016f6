import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { commandOf } from './run-seeds.ts';
import { simulate } from './simulate.ts';
import { seedPlan } from './testing/seed-plan.ts';
import { VARIANTS } from './variants.ts';
import { CALM } from './weather.ts';

const MINUTE_MS = 60_000;
const plan = seedPlan(process.env);
/** A broken rule shows within so many seeds, or the simulation does not look where it matters. */
const SEEDS_UNTIL_CAUGHT_MAX = 15;

/** Past Jest's console, so that the numbers are one line each in the log of a test run. */
function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The command that a person types, in a process of its own: a module of Jest's runs slower. */
function runMain(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args]);
    let output = '';
    child.stdout.on('data', (part: Buffer) => (output += part.toString()));
    child.stderr.on('data', (part: Buffer) => (output += part.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

describe('the platform, simulated with everything that goes wrong', () => {
  it(
    `keeps every invariant for ${plan.count} seeds (BPI_TEST_SEED=${plan.from})`,
    async () => {
      const { code, output } = await runMain(['--from', `${plan.from}`, '--seeds', `${plan.count}`]);
      print(output.trim());
      expect({ code, output }).toMatchObject({ code: 0 });
    },
    10 * MINUTE_MS + plan.count * 1_000,
  );

  it(
    'does the same at the same times for the same seed, and something else for another',
    async () => {
      const hashes: string[] = [];
      for (const seed of [11, 12, 13]) {
        const { hash, events } = await simulate({ seed });
        const again = await simulate({ seed, keepTrace: true });
        expect({ seed, hash: again.hash, events: again.events }).toEqual({ seed, hash, events });
        hashes.push(hash);
      }
      expect(new Set(hashes).size).toBe(hashes.length);
    },
    MINUTE_MS,
  );

  it(
    'prints a run that can be read, by the command that a failure names',
    async () => {
      const [, script = '', ...args] = commandOf(11).split(' ');
      expect(join(import.meta.dirname, 'main.ts').endsWith(script)).toBe(true);
      const { code, output } = await runMain(args);
      expect(code).toBe(0);
      expect(output).toMatch(/^\d+ worker-\d\.\d+: store\.save #\d+ v2 claimed queued→launching: saved$/m);
      expect(output).toContain(`seed 11: trace ${(await simulate({ seed: 11 })).hash}`);
    },
    MINUTE_MS,
  );

  it(
    'finishes what an input calls for when nothing goes wrong',
    async () => {
      const { violation, ends } = await simulate({ seed: 1, weather: CALM });
      expect(violation).toBeNull();
      expect(ends['completed']).toBeGreaterThan(20);
      expect(ends['platform_error']).toBeUndefined();
    },
    MINUTE_MS,
  );
});

describe('the platform with one rule broken', () => {
  it.each(VARIANTS.map((variant) => [variant.name, variant] as const))(
    'is caught: %s',
    async (name, { sabotage, weather, breaks }) => {
      for (let seed = 1; seed <= SEEDS_UNTIL_CAUGHT_MAX; seed += 1) {
        const { violation } = await simulate({ seed, sabotage, ...(weather === undefined ? {} : { weather }) });
        if (violation === null) continue;
        print(`simulation: variant "${name}" breaks ${violation.invariant} at seed ${seed}`);
        expect(breaks).toContain(violation.invariant);
        return;
      }
      throw new Error(`not caught within ${SEEDS_UNTIL_CAUGHT_MAX} seeds`);
    },
    5 * MINUTE_MS,
  );
});
