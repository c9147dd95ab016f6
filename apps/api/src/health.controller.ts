import { Controller, Get, Inject } from '@nestjs/common';
import { ProblemError } from './http/problem-error.ts';
import { READINESS } from './tokens.ts';

/** Asks one dependency for real; rejects if it cannot serve. */
export type ReadinessCheck = () => Promise<void>;

const READINESS_TIMEOUT_MS = 2_000;
/** Anybody may ask, as often as they like; what is asked of the dependencies is one round a second at most. */
const READINESS_KEPT_MS = 1_000;

@Controller('health')
export class HealthController {
  readonly #checks: readonly ReadinessCheck[];
  #last: { atMs: number; answer: Promise<void> } | null = null;

  constructor(@Inject(READINESS) checks: readonly ReadinessCheck[]) {
    this.#checks = checks;
  }

  /** The process answers. */
  @Get('live')
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  /** The process can accept jobs. Says no more than that: anybody may ask. */
  @Get('ready')
  async ready(): Promise<{ status: 'ready' }> {
    const nowMs = performance.now();
    if (this.#last === null || nowMs - this.#last.atMs > READINESS_KEPT_MS)
      this.#last = { atMs: nowMs, answer: this.#ask() };
    try {
      await this.#last.answer;
      return { status: 'ready' };
    } catch (cause) {
      throw new ProblemError('unavailable', { cause });
    }
  }

  async #ask(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('a dependency did not answer in time')), READINESS_TIMEOUT_MS);
    });
    try {
      await Promise.race([Promise.all(this.#checks.map((check) => check())), timeUp]);
    } finally {
      clearTimeout(timer);
    }
  }
}
