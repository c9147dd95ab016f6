import { createHash } from 'node:crypto';
import { EcsError } from './ecs-error.ts';
import type { Task } from './task.ts';

const HOUR_MS = 3_600_000;
const LIFE_MS_MAX = 24 * HOUR_MS;
/** A token outlives its task by this much. */
const AFTER_END_MS = HOUR_MS;
const TOKENS_MAX = 100_000;

type Entry<Answer> = { fingerprint: string; answer: Answer; tasks: readonly Task[]; usedAtMs: number };

/** What RunTask was answered for a clientToken, per cluster, for min(24 h, end of the tasks + 1 h). */
export class ClientTokens<Answer> {
  readonly #nowMs: () => number;
  readonly #entries = new Map<string, Entry<Answer>>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The first answer if the token was used with the same parameters, null if it is free; else ConflictException. */
  recall(clusterArn: string, token: string, parameters: unknown): Answer | null {
    const entry = this.#entries.get(keyOf(clusterArn, token));
    if (entry === undefined || this.#isOver(entry)) return null;
    if (entry.fingerprint === fingerprintOf(parameters)) return entry.answer;
    throw new EcsError(
      'ConflictException',
      'The RunTask request could not be processed due to conflicts. The provided clientToken is already used with different parameters.',
      entry.tasks.map(({ arn }) => arn),
    );
  }

  remember(
    clusterArn: string,
    token: string,
    used: { parameters: unknown; answer: Answer; tasks: readonly Task[] },
  ): void {
    if (this.#entries.size >= TOKENS_MAX) this.#forgetOver();
    const { answer, tasks } = used;
    const fingerprint = fingerprintOf(used.parameters);
    this.#entries.set(keyOf(clusterArn, token), { fingerprint, answer, tasks, usedAtMs: this.#nowMs() });
  }

  #isOver({ usedAtMs, tasks }: Entry<Answer>): boolean {
    const ends = tasks.map(({ stoppedAt }) => stoppedAt?.getTime() ?? Infinity);
    return this.#nowMs() > Math.min(usedAtMs + LIFE_MS_MAX, Math.max(...ends, usedAtMs) + AFTER_END_MS);
  }

  #forgetOver(): void {
    for (const [key, entry] of this.#entries) if (this.#isOver(entry)) this.#entries.delete(key);
    if (this.#entries.size >= TOKENS_MAX) throw new EcsError('ServerException', 'Too many live client tokens.');
  }
}

const keyOf = (clusterArn: string, token: string): string => `${clusterArn} ${token}`;

/** The same for the same parameters, in whatever order their members come. */
function fingerprintOf(parameters: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(parameters)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, sorted(member)]));
}
