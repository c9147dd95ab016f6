/** What the clients of a run will want, decided by its seed. */
import { randomUUID } from 'node:crypto';
import type { Order } from './history.ts';

/** What a job asks of the test model, and what must come of it. */
export type OrderKind = Pick<Order, 'params' | 'outcome'>;

export function orderKind(params: OrderKind['params'], outcome: OrderKind['outcome'] = 'completed'): OrderKind {
  return { params, outcome };
}

export type OrderMix = {
  count: number;
  inputs: readonly string[];
  /** Kinds with how many of them; what is left of `count` is usual. */
  kinds: readonly { kind: OrderKind; count: number }[];
  usual: OrderKind;
};

const TWICE_SHARE = 0.15;
const CANCEL_SHARE = 0.1;
const DELETE_SHARE = 0.06;
const DELETE_AFTER_END_SHARE = 0.05;
const WISH_AFTER_MS_MAX = 4_000;

export function planOrders({ count, inputs, kinds, usual }: OrderMix, random: () => number): Order[] {
  const named = kinds.flatMap(({ kind, count: share }) => Array.from({ length: share }, () => kind));
  const all = Array.from({ length: count }, (_, at) => named[at] ?? usual);
  return shuffled(all, random).map((kind, at) => ({
    ...kind,
    key: `order-${at}-${randomUUID()}`,
    input: inputs[Math.floor(random() * inputs.length)] ?? '',
    twice: random() < TWICE_SHARE,
    // Only of jobs that would complete: each of the others is to be seen as what it is.
    ...wishes(kind.outcome === 'completed' ? random : () => 1),
  }));
}

function wishes(random: () => number): Pick<Order, 'cancelAfterMs' | 'deleteAfterMs'> {
  const cancel = random() < CANCEL_SHARE ? random() * WISH_AFTER_MS_MAX : null;
  const pick = random();
  if (pick < DELETE_SHARE) return { cancelAfterMs: cancel, deleteAfterMs: random() * WISH_AFTER_MS_MAX };
  return { cancelAfterMs: cancel, deleteAfterMs: pick < DELETE_SHARE + DELETE_AFTER_END_SHARE ? 'after_end' : null };
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
