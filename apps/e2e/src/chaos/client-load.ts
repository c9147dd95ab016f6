/** Clients that do what a good one does on a bad day: the same key until there is an answer, and everything noted. */
import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  problemSchema,
  resultBodySchema,
  statusBodySchema,
  submittedSchema,
  type ArtifactName,
  type ProblemCode,
  type ResultBody,
} from '@bpi/job-contract';
import type { Answer, Asked, History, Order, ResultSeen, StatusSeen } from './history.ts';

export type ClientLoadOptions = {
  url: string;
  history: History;
  inputPath: (name: string) => string;
  /** Text that must appear nowhere, sent wherever a client can send text. */
  canary: string;
  /** What is downloaded of a result, every time that it is looked at. */
  artifacts: readonly ArtifactName[];
  /** Jobs that are under way at once, as far as these clients care. */
  openJobs: number;
  pollMs: number;
  /** Called at every acceptance and every end: how far the load is, in steps of two for each job. */
  onStep: () => void;
  /** Ends all waiting: the run is over. */
  signal: AbortSignal;
};

/** Fewer than the API takes of one client at a time: it lets one go only after its answer was sent. */
const UPLOADS_MAX = 3;
const ANSWER_WITHIN_MS = 10_000;
const AGAIN_AFTER_MS = 250;
/** A job that waits for so long is lost as far as its client knows. */
const ENDED_WITHIN_MS = 600_000;
/** All that `GET /result` may say that will not change by asking again. */
const FINAL_CODES: readonly (ProblemCode | null)[] = ['gone', 'job_failed', 'already_ended', 'not_ready'];

type Told = { http: number | null; code: ProblemCode | null; body: unknown };

export class ClientLoad {
  readonly #options: ClientLoadOptions;
  readonly #uploads = new Gate(UPLOADS_MAX);

  constructor(options: ClientLoadOptions) {
    this.#options = options;
  }

  /** Takes every order to its end. `mayStart` is waited for before the next one is sent. */
  async run(orders: readonly Order[], mayStart: (at: number) => Promise<void> = async () => {}): Promise<void> {
    let next = 0;
    const client = async () => {
      for (let at = next++; at < orders.length; at = next++) {
        await mayStart(at);
        const order = orders[at];
        if (order !== undefined) await this.#serve(order);
      }
    };
    await Promise.all(Array.from({ length: this.#options.openJobs }, client));
  }

  /** What every client does much later: looks once more at its jobs, and sends some of them again. */
  async lookAgain(orders: readonly Order[], sendAgain: (at: number) => boolean): Promise<void> {
    const jobIds = new Map(this.#options.history.answers.map(({ key, jobId }) => [key, jobId]));
    let next = 0;
    const client = async () => {
      for (let at = next++; at < orders.length; at = next++) {
        const order = orders[at];
        const jobId = order === undefined ? null : (jobIds.get(order.key) ?? null);
        if (order === undefined || jobId === null) continue;
        if (sendAgain(at)) await this.#insist('submit', order, jobId);
        await this.#insist('status', order, jobId);
        await this.#insist('result', order, jobId);
      }
    };
    await Promise.all(Array.from({ length: this.#options.openJobs }, client));
  }

  async #serve(order: Order): Promise<void> {
    const { onStep, pollMs } = this.#options;
    const [jobId] = await Promise.all(order.twice ? [this.#submit(order), this.#submit(order)] : [this.#submit(order)]);
    onStep();
    const acceptedMs = performance.now();
    const passedMs = () => performance.now() - acceptedMs;
    const due = (afterMs: Order['deleteAfterMs']) => typeof afterMs === 'number' && passedMs() >= afterMs;
    let [cancelled, deleted] = [false, false];
    for (;;) {
      if (!cancelled && due(order.cancelAfterMs)) {
        await this.#insist('cancel', order, jobId);
        cancelled = true;
      }
      if (!deleted && due(order.deleteAfterMs)) {
        await this.#insist('delete', order, jobId);
        deleted = true;
      }
      const { seen, code } = await this.#ask('status', order, jobId);
      if (code === 'gone' || (seen !== null && 'status' in seen && ['completed', 'failed'].includes(seen.status)))
        break;
      if (passedMs() > ENDED_WITHIN_MS) throw new Error(`${order.key} (${jobId}) did not end in time`);
      await delay(pollMs, undefined, { signal: this.#options.signal });
    }
    await this.#insist('result', order, jobId);
    if (order.deleteAfterMs === 'after_end') {
      await this.#insist('delete', order, jobId);
      await this.#insist('result', order, jobId);
    }
    onStep();
  }

  async #submit(order: Order): Promise<string> {
    const deadlineMs = performance.now() + ENDED_WITHIN_MS;
    while (performance.now() < deadlineMs) {
      const answer = await this.#uploads.within(() => this.#ask('submit', order, null));
      if (answer.jobId !== null) return answer.jobId;
      const mayPass = answer.http === null || answer.http === 429 || answer.http >= 500;
      if (!mayPass) throw new Error(`${order.key} was refused: ${answer.http} ${answer.code}`);
      await delay(AGAIN_AFTER_MS, undefined, { signal: this.#options.signal });
    }
    throw new Error(`${order.key} was not accepted in time`);
  }

  /** Until there is an answer that another try would not change. */
  async #insist(asked: Asked, order: Order, jobId: string): Promise<void> {
    const deadlineMs = performance.now() + ENDED_WITHIN_MS;
    while (performance.now() < deadlineMs) {
      const { http, code } = await this.#ask(asked, order, jobId);
      if (http !== null && (http < 300 || FINAL_CODES.includes(code))) return;
      await delay(AGAIN_AFTER_MS, undefined, { signal: this.#options.signal });
    }
    throw new Error(`${asked} of ${order.key} (${jobId}) got no answer in time`);
  }

  /** One question, noted with whatever came of it. */
  async #ask(asked: Asked, order: Order, jobId: string | null): Promise<Answer> {
    const { history } = this.#options;
    const { http, code, body } = await this.#send(asked, order, jobId);
    let answer: Answer = { key: order.key, asked, jobId, http, code, seen: null };
    if (body !== null) {
      if (asked === 'submit') answer = { ...answer, jobId: submittedSchema.parse(body).job_id };
      if (asked === 'status' || asked === 'cancel') answer = { ...answer, seen: statusSeen(body) };
      if (asked === 'result') {
        const seen = await this.#fetchAll(resultBodySchema.parse(body));
        // Deleted, or the API died, while it was fetched: no result was got.
        answer = seen === null ? { ...answer, http: null } : { ...answer, seen };
      }
    }
    history.add(answer);
    return answer;
  }

  async #send(asked: Asked, order: Order, jobId: string | null): Promise<Told> {
    switch (asked) {
      case 'submit':
        return this.#fetch('/infer', { method: 'POST', body: await this.#form(order), headers: this.#headers(order) });
      case 'status':
      case 'result':
        return this.#fetch(`/${asked}/${jobId}`, { method: 'GET' });
      case 'cancel':
        return this.#fetch(`/jobs/${jobId}/cancel`, { method: 'POST' });
      case 'delete':
        return this.#fetch(`/jobs/${jobId}`, { method: 'DELETE' });
    }
  }

  async #fetch(path: string, request: RequestInit): Promise<Told> {
    try {
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      const answer = await fetch(`${this.#options.url}${path}`, { ...request, signal });
      const body: unknown = await answer.json();
      if (answer.ok) return { http: answer.status, code: null, body };
      return { http: answer.status, code: problemSchema.parse(body).code, body: null };
    } catch (error) {
      if (error instanceof Error && error.name === 'ZodError') throw error; // an answer that nobody can read
      return { http: null, code: null, body: null };
    }
  }

  /** Digests of what arrived, each checked against what was announced by nobody but the invariants. Null = not all came. */
  async #fetchAll({ artifacts, metadata }: ResultBody): Promise<ResultSeen | null> {
    const digests: Record<string, string> = {};
    for (const { name, url } of artifacts.filter(({ name }) => this.#options.artifacts.includes(name))) {
      try {
        const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
        const answer = await fetch(new URL(url, this.#options.url), { signal });
        const bytes = new Uint8Array(await answer.arrayBuffer());
        if (!answer.ok) return null;
        digests[name] = createHash('sha256').update(bytes).digest('hex');
      } catch {
        return null;
      }
    }
    return { attempt: metadata.attempt, artifacts: digests };
  }

  async #form({ input, params }: Order): Promise<FormData> {
    const { canary, inputPath } = this.#options;
    const form = new FormData();
    form.set('model', 'echo');
    form.set('params', JSON.stringify(params));
    form.set('external_job_id', canary);
    form.set('file', await openAsBlob(inputPath(input)), `${canary}.npz`);
    return form;
  }

  #headers({ key }: Order): Record<string, string> {
    const { canary } = this.#options;
    return { 'idempotency-key': `${canary}-${key}`, 'x-request-id': canary, 'user-agent': canary };
  }
}

function statusSeen(body: unknown): StatusSeen {
  const { status, phase, attempt, error } = statusBodySchema.parse(body);
  return { status, phase, attempt, error: error?.code ?? null };
}

/** Lets so many in at a time, in the order of asking. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  async within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
