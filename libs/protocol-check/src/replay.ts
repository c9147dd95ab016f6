import type { JobId, JobRecord } from '@bpi/job-contract';
import { ObjectNotFound, type AdvanceContext, type JobPolicy, type Leftover } from '@bpi/jobs';
import { effectPorts, type Effect } from './effect.ts';
import { NOW_MS } from './record-time.ts';

/** What a port call came to. Values are never changed by the programs that get them. */
export type Reply = { kind: 'value'; value: unknown } | { kind: 'error' };

export type ProgramName = 'advance' | 'sweepJob' | 'leftovers' | 'orphans' | 'cancel' | 'delete' | 'clean';

/** The real code under check; a broken variant replaces one of them or the context's rules. */
export type Programs = {
  advance(context: AdvanceContext, jobId: JobId): Promise<unknown>;
  sweepJob(context: AdvanceContext, job: JobRecord): Promise<unknown>;
  removeLeftovers(context: AdvanceContext, jobId: JobId, due: readonly Leftover[]): Promise<unknown>;
  stopOrphans(context: AdvanceContext): Promise<unknown>;
  cancelJob(context: AdvanceContext, jobId: JobId): Promise<unknown>;
  deleteJob(context: AdvanceContext, jobId: JobId): Promise<unknown>;
  clean(context: AdvanceContext): Promise<unknown>;
};

/** What `sweepJob` or `removeLeftovers` was called with, and a number that tells it apart. */
export type Given = { key: number; listed: JobRecord } | { key: number; due: readonly Leftover[] };

/**
 * One point in a run of a program: all it has seen so far, and the port call it makes next (null = it ended).
 * A program's next call is a function of the replies it got and when, so it is computed once per node: the real
 * function runs against ports that replay the replies and keep the call after the last one open for ever.
 */
export type Node = {
  readonly id: number;
  readonly program: ProgramName;
  readonly job: number;
  readonly given: Given | null;
  readonly replies: readonly { reply: Reply; atTick: number }[];
  /** Ticks since the program's start at which the last reply came. */
  readonly lastTick: number;
  /** The newest record it has: read, or saved by itself. */
  readonly record: JobRecord | null;
  readonly effect: Effect | null;
  readonly children: Map<string, Node>;
};

export class Replay {
  readonly #programs: Programs;
  readonly #policy: JobPolicy;
  readonly #context: Pick<AdvanceContext, 'rules'>;
  readonly #nodes: Node[] = [];
  readonly #starts = new Map<string, Node>();
  readonly #jobIds: readonly JobId[];

  constructor(programs: Programs, policy: JobPolicy, context: Pick<AdvanceContext, 'rules'>, jobIds: readonly JobId[]) {
    this.#programs = programs;
    this.#policy = policy;
    this.#context = context;
    this.#jobIds = jobIds;
  }

  get size(): number {
    return this.#nodes.length;
  }

  node(id: number): Node {
    const node = this.#nodes[id];
    if (node === undefined) throw new Error('no such node');
    return node;
  }

  /** The beginning of a program. */
  async start(program: ProgramName, job: number, given: Given | null): Promise<Node> {
    const key = `${program}/${job}/${given?.key ?? ''}`;
    const known = this.#starts.get(key);
    if (known !== undefined) return known;
    const node = await this.#add({ program, job, given, replies: [], lastTick: 0, record: null });
    this.#starts.set(key, node);
    return node;
  }

  /** The point after a reply; `key` tells replies to one call apart. */
  async after(node: Node, got: { key: string; reply: Reply; atTick: number; record: JobRecord | null }): Promise<Node> {
    const { key, reply, atTick } = got;
    const full = `${atTick}/${key}`;
    const known = node.children.get(full);
    if (known !== undefined) return known;
    const { program, job, given, replies } = node;
    const record = got.record ?? node.record;
    const all = [...replies, { reply, atTick }];
    const next = await this.#add({ program, job, given, replies: all, lastTick: atTick, record });
    node.children.set(full, next);
    return next;
  }

  async #add(given: Omit<Node, 'id' | 'effect' | 'children'>): Promise<Node> {
    const node: Node = { ...given, id: this.#nodes.length, effect: await this.#nextEffect(given), children: new Map() };
    // Two awaits may not interleave here: explorations await each node before they ask for another.
    this.#nodes.push(node);
    return node;
  }

  async #nextEffect(at: Omit<Node, 'id' | 'effect' | 'children'>): Promise<Effect | null> {
    let taken = 0;
    let clockMs = NOW_MS;
    const captured = Promise.withResolvers<Effect>();
    const call = (effect: Effect): Promise<unknown> => {
      const next = at.replies[taken];
      taken += 1;
      if (next === undefined) {
        if (taken === at.replies.length + 1) captured.resolve(effect);
        return new Promise(() => {});
      }
      clockMs = NOW_MS + next.atTick;
      return next.reply.kind === 'value'
        ? Promise.resolve(next.reply.value)
        : Promise.reject(new Error('a port failed'));
    };
    const context: AdvanceContext = {
      ...effectPorts(call, this.#jobIds),
      ...this.#context,
      clock: { nowMs: () => clockMs, monotonicMs: () => clockMs },
      policy: this.#policy,
      log: (event) => {
        // `sweepJob` swallows errors, which is right for those of ports only.
        const portFailed = at.replies.some(({ reply }) => reply.kind === 'error');
        if (event === 'advance.failed' && !portFailed) captured.reject(new Error('the swept job threw: a bug'));
      },
    };
    return Promise.race([captured.promise, this.#run(at, context)]);
  }

  /** An error that reaches the caller of a program ends it, as in the worker's loops; bugs are not errors of ports. */
  async #run(at: Pick<Node, 'program' | 'job' | 'given'>, context: AdvanceContext): Promise<null> {
    const jobId = this.#jobIds[at.job];
    if (jobId === undefined) throw new Error('no such job');
    try {
      if (at.program === 'advance') await this.#programs.advance(context, jobId);
      else if (at.program === 'cancel') await this.#programs.cancelJob(context, jobId);
      else if (at.program === 'delete') await this.#programs.deleteJob(context, jobId);
      else if (at.program === 'clean') await this.#programs.clean(context);
      else if (at.program === 'orphans') await this.#programs.stopOrphans(context);
      else if (at.given !== null && 'due' in at.given)
        await this.#programs.removeLeftovers(context, jobId, at.given.due);
      else if (at.given !== null) await this.#programs.sweepJob(context, at.given.listed);
    } catch (error) {
      if (!(error instanceof ObjectNotFound) && !(error instanceof Error && error.message === 'a port failed'))
        throw error;
    }
    return null;
  }
}
