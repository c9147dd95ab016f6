import { describe, expect, it } from '@jest/globals';
import { oneJob, TINY_POLICY, type Bounds, type Budgets } from './bounds.ts';
import { Model, type State } from './model.ts';
import { moves } from './moves.ts';
import { REAL } from './real-protocol.ts';

const EXPLORATION_TIMEOUT_MS = 120_000;

/** Everything that can be stored and running at the same time, whatever the workers are in the middle of. */
async function situations(bounds: Bounds): Promise<{ states: number; found: Set<string> }> {
  const model = new Model(bounds, REAL);
  const open: State[] = [model.first()];
  const known = new Set(open.map((state) => JSON.stringify(state)));
  const found = new Set<string>();
  for (const state of open) {
    found.add(JSON.stringify([model.stores.valueOf(state.store), model.worlds.valueOf(state.world)]));
    for (const { state: next } of await moves(model, state)) {
      const key = JSON.stringify(next);
      if (known.has(key)) continue;
      known.add(key);
      open.push(next);
    }
  }
  return { states: open.length, found };
}

describe('the reductions of the exploration', () => {
  it.each<[string, Partial<Budgets>]>([
    ['without trouble', {}],
    ['with a cancellation', { cancels: 1 }],
    ['with a doubtful launch', { throws: 1 }],
    ['with a zombie', { zombies: 1 }],
    ['with a stall', { stalls: 1 }],
    ['with a deletion', { deletes: 1 }],
  ])(
    'lose no situation that interleaving every port call reaches: %s',
    async (name, trouble) => {
      const retriesMax = { platform: 0, interrupted: 0, capacity: 0 };
      const bounds = oneJob(name, trouble, { policy: { ...TINY_POLICY, retriesMax } });
      const reduced = await situations(bounds);
      const whole = await situations({ ...bounds, reductions: 'off' });
      process.stdout.write(
        `protocol-check: ${name}: ${reduced.states} of ${whole.states} states, ${whole.found.size} situations\n`,
      );
      expect(reduced.states).toBeLessThan(whole.states);
      expect([...reduced.found].sort()).toEqual([...whole.found].sort());
    },
    EXPLORATION_TIMEOUT_MS,
  );
});
