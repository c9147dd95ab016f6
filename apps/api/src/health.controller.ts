import { Controller, Get, Inject } from '@nestjs/common';
import { ProblemError } from './http/problem-error.ts';
import { READINESS } from './tokens.ts';

/** Asks one dependency for real; rejects if it cannot serve. */
export type ReadinessCheck = () => Promise<void>;

const READINESS_TIMEOUT_MS = 2_000;

@Controller('health')
export class HealthController {
  readonly #checks: readonly ReadinessCheck[];

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
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('a dependency did not answer in time')), READINESS_TIMEOUT_MS);
    });
    try {
      await Promise.race([Promise.all(this.#checks.map((check) => check())), timeUp]);
      return { status: 'ready' };
    } catch (cause) {
      throw new ProblemError('unavailable', { cause, headers: { 'Retry-After': '5' } });
    } finally {
      clearTimeout(timer);
    }
  }
}
