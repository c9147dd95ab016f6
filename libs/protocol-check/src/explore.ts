import { isSettled } from './checks.ts';
import type { Bounds } from './bounds.ts';
import { Model, type Protocol, type State, type Worker } from './model.ts';
import { moves } from './moves.ts';
import { Violation, type Invariant } from './violation.ts';

export type Exploration = {
  name: string;
  states: number;
  /** Longest of the shortest ways from the start to a state, in moves. */
  depth: number;
  seconds: number;
  /** Points in the programs' code with all that was seen before them. */
  programPoints: number;
  violation: { invariant: Invariant; what: string; trace: string[] } | null;
};

/** Breadth first over every state within the bounds; stops at the first violation. */
export async function explore(bounds: Bounds, protocol: Protocol): Promise<Exploration> {
  const exploration = new Explorer(new Model(bounds, protocol));
  return exploration.run();
}

class Explorer {
  readonly #model: Model;
  readonly #ids = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #parents: number[] = [];
  /** Pairs (from, to) of sure moves, for the way back from settled states. */
  readonly #sure = new Pairs();
  readonly #settled: number[] = [];

  constructor(model: Model) {
    this.#model = model;
  }

  async run(): Promise<Exploration> {
    const startedMs = performance.now();
    const { bounds, replay } = this.#model;
    let depth = 0;
    let violation: Exploration['violation'] = null;
    this.#add(this.#model.first(), -1);
    let next = 0;
    let levelEnd = 1;
    while (next < this.#keys.length && violation === null) {
      if (next === levelEnd) {
        depth += 1;
        levelEnd = this.#keys.length;
      }
      violation = await this.#visit(next);
      next += 1;
      if (this.#keys.length > bounds.statesMax)
        throw new Error(`more than ${bounds.statesMax} states: tighten the bounds`);
    }
    violation ??= await this.#findTrapped();
    const seconds = (performance.now() - startedMs) / 1_000;
    return { name: bounds.name, states: this.#keys.length, depth, seconds, programPoints: replay.size, violation };
  }

  #add(state: State, parent: number): number {
    const key = keyOf(state);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#keys.length;
    this.#ids.set(key, id);
    this.#keys.push(key);
    this.#parents.push(parent);
    const { stores, worlds } = this.#model;
    if (state.workers.length === 0 && isSettled(stores.valueOf(state.store), worlds.valueOf(state.world)))
      this.#settled.push(id);
    return id;
  }

  async #visit(id: number): Promise<Exploration['violation']> {
    try {
      for (const move of await moves(this.#model, this.#state(id))) {
        const to = this.#add(move.state, id);
        if (move.sure && to !== id) this.#sure.add(id, to);
      }
      return null;
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return { invariant: error.invariant, what: error.message, trace: await this.#trace(id) };
    }
  }

  #state(id: number): State {
    const key = this.#keys[id];
    if (key === undefined) throw new Error('no such state');
    return stateOf(key);
  }

  /** A state from which no sequence of sure moves leads to a settled one. */
  async #findTrapped(): Promise<Exploration['violation']> {
    const reached = this.#sure.reachedBackwards(this.#settled, this.#keys.length);
    const trapped = reached.indexOf(0);
    if (trapped < 0) return null;
    const what = new Violation('settles', 'no way there from this state').message;
    return { invariant: 'settles', what, trace: await this.#trace(trapped) };
  }

  /** The moves that lead to a state, by their labels; made again, since only states are kept. */
  async #trace(id: number): Promise<string[]> {
    const path: number[] = [];
    for (let at = id; at >= 0; at = this.#parents[at] ?? -1) path.unshift(at);
    const labels: string[] = [];
    for (const [step, from] of path.slice(0, -1).entries()) {
      const to = path[step + 1];
      const found = (await moves(this.#model, this.#state(from))).find(
        ({ state }) => this.#ids.get(keyOf(state)) === to,
      );
      labels.push(found?.label ?? '?');
    }
    const { store, world } = this.#state(id);
    const { jobs } = this.#model.stores.valueOf(store);
    return [
      ...labels,
      JSON.stringify(jobs.map(({ phase, attempt }) => ({ phase, attempt }))),
      JSON.stringify(this.#model.worlds.valueOf(world)),
    ];
  }
}

/** `store,world|node,age,known|…` */
function keyOf({ store, world, workers }: State): string {
  let key = `${store},${world}`;
  for (const { node, ageTicks, known } of workers) key += `|${node},${ageTicks},${known}`;
  return key;
}

function stateOf(key: string): State {
  const [head, ...rest] = key.split('|').map((part) => part.split(',').map(Number));
  const [store = 0, world = 0] = head ?? [];
  const workers = rest.map(([node = 0, ageTicks = 0, known = 0]): Worker => ({ node, ageTicks, known }));
  return { store, world, workers };
}

/** Many pairs of numbers in little memory. */
class Pairs {
  #data = new Int32Array(1 << 16);
  #length = 0;

  add(from: number, to: number): void {
    if (this.#length + 2 > this.#data.length) {
      const larger = new Int32Array(this.#data.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.#length] = from;
    this.#data[this.#length + 1] = to;
    this.#length += 2;
  }

  /** 1 for every number below `count` from which the pairs lead to one of `goals`. */
  reachedBackwards(goals: readonly number[], count: number): Uint8Array {
    const { starts, sources } = this.#incoming(count);
    const reached = new Uint8Array(count);
    const open = [...goals];
    for (const goal of goals) reached[goal] = 1;
    for (let to = open.pop(); to !== undefined; to = open.pop()) {
      for (let at = starts[to] ?? 0; at < (starts[to + 1] ?? 0); at += 1) {
        const from = sources[at] ?? 0;
        if (reached[from] === 1) continue;
        reached[from] = 1;
        open.push(from);
      }
    }
    return reached;
  }

  #incoming(count: number): { starts: Int32Array; sources: Int32Array } {
    const starts = new Int32Array(count + 1);
    for (let at = 1; at < this.#length; at += 2) countAt(starts, this.#data[at] ?? 0);
    for (let at = 1; at <= count; at += 1) starts[at] = (starts[at] ?? 0) + (starts[at - 1] ?? 0);
    const filled = Int32Array.from(starts);
    const sources = new Int32Array(this.#length / 2);
    for (let at = 0; at < this.#length; at += 2) {
      const to = this.#data[at + 1] ?? 0;
      const place = filled[to] ?? 0;
      sources[place] = this.#data[at] ?? 0;
      filled[to] = place + 1;
    }
    return { starts, sources };
  }
}

function countAt(starts: Int32Array, to: number): void {
  starts[to + 1] = (starts[to + 1] ?? 0) + 1;
}
