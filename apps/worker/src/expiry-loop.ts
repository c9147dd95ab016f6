import { expire, type DuePosition, type ExpireContext } from '@bpi/jobs';
import { runLoop, type LoopTools } from './loop.ts';
import { Notifier } from './notifier.ts';

export type ExpirySettings = Pick<ExpireContext, 'clients' | 'retention'> & {
  /** From the end of one pass over all that is due to the next. */
  passIntervalMs: number;
  /** Pause between the rounds of a pass, each of some hundred jobs. */
  roundIntervalMs: number;
};

/** Removes what is past its time. Its own loop: after a busy day much may be due at once, and nothing waits for it. */
export async function expiryLoop(tools: LoopTools, settings: ExpirySettings): Promise<void> {
  const { clients, retention, passIntervalMs, roundIntervalMs } = settings;
  let after: DuePosition | null = null;
  const round = async () => {
    const context: ExpireContext = { ...tools.context, clients, retention };
    const startedMs = context.clock.monotonicMs();
    const onJob = () => tools.liveness.busy('expiry');
    const { next, ...expired } = await expire(context, { after, signal: tools.signal, onJob });
    after = next;
    if (Object.values(expired).some((count) => count > 0)) {
      context.log('expiry.done', { ...expired, durationMs: context.clock.monotonicMs() - startedMs });
    }
    return next === null ? passIntervalMs : roundIntervalMs;
  };
  await runLoop(tools, { name: 'expiry', round, failedPauseMs: passIntervalMs, wake: new Notifier() });
}
