import type { JobId } from '@bpi/job-contract';
import type { Answer, Order, Request } from './api-program.ts';
import type { Kind } from './oracle.ts';

/** One answer that a client got. */
export type Entry = { askedAtMs: number; toldAtMs: number; ask: Request['ask']; answer: Answer };

/** All that one client was told about one order. */
export type Story = {
  order: Order;
  kind: Kind;
  /** As the client was told; null = it never was. */
  jobId: JobId | null;
  entries: Entry[];
  /** The client has asked all that it wanted to. */
  isOver: boolean;
};
