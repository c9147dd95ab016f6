import type { Wire } from '../wire.ts';

/** An event in EventBridge's envelope, as a queue that is a rule's target gets it. */
export type EcsEvent = {
  version: '0';
  id: string;
  'detail-type': string;
  source: string;
  account: string;
  time: string;
  region: string;
  resources: readonly string[];
  detail: { readonly [key: string]: Wire };
};

/** Gets one event after the other, each once the one before is done. A sink that throws has lost the event. */
export type EventSink = (event: EcsEvent) => void | Promise<void>;
export type EventFilter = (event: EcsEvent) => boolean;
