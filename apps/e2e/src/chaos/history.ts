/** What the clients asked and were answered, in the order in which the answers came. Nothing is ever taken back. */
import type { FailureCode, Phase, ProblemCode, Status } from '@bpi/job-contract';

/** What a job is asked for, decided before anything is sent. */
export type Order = {
  /** The Idempotency-Key of every POST for it. */
  key: string;
  /** Which of the inputs; with it, what the mask must be. */
  input: string;
  params: Readonly<Record<string, unknown>>;
  /** What must come of it while nobody cancels or deletes it. */
  outcome: 'completed' | FailureCode;
  /** The first POST is sent twice at the same time. */
  twice: boolean;
  /** Milliseconds after the job was accepted; null = never. */
  cancelAfterMs: number | null;
  /** Likewise; `after_end`: once its result was fetched. */
  deleteAfterMs: number | 'after_end' | null;
};

export type StatusSeen = {
  status: Status;
  phase: Phase;
  attempt: number;
  error: FailureCode | null;
};

/** A result as one client got it, with a digest of all bytes that arrived of each artifact that it downloads. */
export type ResultSeen = { attempt: number; artifacts: Readonly<Record<string, string>> };

export type Asked = 'submit' | 'status' | 'result' | 'cancel' | 'delete';

export type Answer = {
  key: string;
  asked: Asked;
  /** Null in a POST's question; its answer tells it. */
  jobId: string | null;
  /** The HTTP status; null = no answer came, so nobody knows whether it was done. */
  http: number | null;
  /** Of a problem. */
  code: ProblemCode | null;
  seen: StatusSeen | ResultSeen | null;
};

export class History {
  readonly #answers: Answer[] = [];

  add(answer: Answer): void {
    this.#answers.push(Object.freeze(answer));
  }

  get answers(): readonly Answer[] {
    return this.#answers;
  }
}

export function statusIn({ asked, seen }: Answer): StatusSeen | null {
  return asked !== 'result' && seen !== null && 'phase' in seen ? seen : null;
}

export function resultIn({ asked, seen }: Answer): ResultSeen | null {
  return asked === 'result' && seen !== null && 'artifacts' in seen ? seen : null;
}
