import type { JobPosition } from '@bpi/jobs';
import type { JobId } from '@bpi/job-contract';
import type { Answer, Request } from './api-program.ts';
import type { Story } from './history.ts';
import type { Verdict } from './invariants.ts';
import { nameOf } from './naming.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import { SIZES } from './settings.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

const PAGES_MAX = 20;
/** Between two tries, doubled each time: an API that was away finds no crowd of repetitions. */
const FIRST_PAUSE_MS = 2_000;
const PAUSE_MS_MAX = 240_000;

export type ClientParts = { time: VirtualTime; random: Random; network: Network; trace: Trace; verdict: Verdict };

type Wishes = {
  cancelAfterMs: number;
  deleteAfterMs: number;
  deletesAtLast: boolean;
  lists: boolean;
  isCurious: boolean;
};

/** A client with one order: sends it until it is answered, asks until it is over, fetches the result a few times. */
export class ClientProgram {
  readonly #with: ClientParts;
  readonly #story: Story;

  constructor(parts: ClientParts, story: Story) {
    this.#with = parts;
    this.#story = story;
  }

  async run(): Promise<void> {
    const { random } = this.#with;
    await this.#pause(1, SIZES.arrivalMs);
    const wishes: Wishes = {
      cancelAfterMs: random.chance(0.15) ? random.between(0, random.pick([2_000, 90_000])) : Infinity,
      deleteAfterMs: random.chance(0.15) ? random.between(0, random.pick([2_000, 120_000])) : Infinity,
      deletesAtLast: random.chance(0.15),
      lists: random.chance(0.1),
      isCurious: random.chance(0.1),
    };
    const jobId = await this.#submit();
    if (jobId !== null) {
      await this.#follow(jobId, wishes);
      await this.#atLast(jobId, wishes);
    }
    this.#story.isOver = true;
  }

  /** Null if the platform says that the job was deleted already, which only this client can have done. */
  async #submit(): Promise<JobId | null> {
    const { order } = this.#story;
    const { random } = this.#with;
    if (random.chance(0.1)) void this.#ask({ ask: 'submit', order }); // a double click
    const told = await this.#insist({ ask: 'submit', order });
    this.#with.verdict.expect(told.told === 'accepted', 'oneJobPerKey', () => `a new order was answered: ${told.told}`);
    if (random.chance(0.1)) {
      const other = await this.#insist({
        ask: 'submit',
        order: { ...order, inputText: `other than ${order.inputText}` },
      });
      this.#with.verdict.expect(other.told === 'mismatch', 'oneJobPerKey', () => `another payload: ${other.told}`);
    }
    return told.told === 'accepted' ? told.jobId : null;
  }

  /** Asks for the status until the job is over or gone. */
  async #follow(jobId: JobId, wishes: Wishes): Promise<void> {
    const { clientId } = this.#story.order;
    const sinceMs = this.#with.time.nowMs;
    let { cancelAfterMs, deleteAfterMs } = wishes;
    for (;;) {
      const agoMs = this.#with.time.nowMs - sinceMs;
      if (agoMs >= cancelAfterMs) {
        cancelAfterMs = Infinity;
        await this.#insist({ ask: 'cancel', clientId, jobId });
      }
      if (agoMs >= deleteAfterMs) {
        deleteAfterMs = Infinity;
        await this.#insist({ ask: 'delete', clientId, jobId });
      }
      const told = await this.#insist({ ask: 'status', clientId, jobId });
      if (told.told === 'gone') return;
      if (told.told === 'status' && (told.status === 'completed' || told.status === 'failed')) return;
      if (wishes.isCurious) await this.#ask({ ask: 'result', clientId, jobId });
      await this.#pause(5_000, 40_000);
    }
  }

  async #atLast(jobId: JobId, wishes: Wishes): Promise<void> {
    const { clientId } = this.#story.order;
    for (let times = 0; times < 2; times += 1) {
      await this.#insist({ ask: 'result', clientId, jobId });
      await this.#pause(1_000, 60_000);
    }
    if (wishes.isCurious) await this.#pry(jobId);
    if (wishes.lists) await this.#list(clientId);
    if (wishes.deletesAtLast) await this.#insist({ ask: 'delete', clientId, jobId });
    // Sent once more, as a client does that lost its own records.
    if (this.#with.random.chance(0.1)) await this.#insist({ ask: 'submit', order: this.#story.order });
    await this.#insist({ ask: 'status', clientId, jobId });
    await this.#insist({ ask: 'result', clientId, jobId });
  }

  /** Somebody else asks about this job. */
  async #pry(jobId: JobId): Promise<void> {
    const { random, network, verdict } = this.#with;
    const ask = random.pick(['status', 'result', 'cancel', 'delete']);
    const told = await network.ask({ ask, clientId: 'stranger', jobId });
    const isHidden = told === null || told.told === 'not_found';
    verdict.expect(isHidden, 'ownOnly', () => `a stranger's ${ask} of ${nameOf(jobId)} was answered: ${told?.told}`);
  }

  async #list(clientId: string): Promise<void> {
    let before: JobPosition | null = null;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const told: Answer = await this.#insist({ ask: 'list', clientId, before });
      if (told.told !== 'list' || told.next === null) return;
      before = told.next;
    }
  }

  /** Until answered. */
  async #insist(request: Request): Promise<Answer> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      const told = await this.#ask(request);
      if (told !== null) return told;
      await this.#pause(pauseMs / 2, pauseMs);
    }
  }

  async #ask(request: Request): Promise<Answer | null> {
    const { time, network, trace } = this.#with;
    const askedAtMs = time.nowMs;
    const told = await network.ask(request);
    if (told === null) return null;
    const { order, jobId } = this.#story;
    this.#story.entries.push({ askedAtMs, toldAtMs: time.nowMs, ask: request.ask, answer: told });
    if (told.told === 'accepted') this.#story.jobId ??= told.jobId;
    const about = 'jobId' in request ? nameOf(request.jobId) : (jobId ?? order.idempotencyKey);
    trace.note(order.clientId, `${request.ask} ${about}: ${JSON.stringify(told)}`);
    return told;
  }

  #pause(min: number, max: number): Promise<void> {
    return new Promise((resolve) => this.#with.time.after(this.#with.random.between(min, max), resolve));
  }
}
