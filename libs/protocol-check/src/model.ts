import type { JobId, JobRecord } from '@bpi/job-contract';
import { newJob, type JobPolicy, type Leftover, type Rules } from '@bpi/jobs';
import type { Bounds } from './bounds.ts';
import { Interner } from './interner.ts';
import { NEVER_MS, normalized, NOW_MS } from './record-time.ts';
import { Replay, type Node, type Programs } from './replay.ts';
import type { saveInto, Store } from './store.ts';
import { newWorld, type World } from './world.ts';

/** A worker in the middle of a program: where it is, how long ago it began, and the version it may save over. */
export type Worker = {
  readonly node: number;
  readonly ageTicks: number;
  /** The stored version in the worker's own count, or STALE when somebody else saved since it loaded. */
  readonly known: number;
};
export const STALE = -1;

/** A state of everything: numbers of interned parts, and the workers that are in the middle of something. */
export type State = { readonly store: number; readonly world: number; readonly workers: readonly Worker[] };

/** A system under check: the real code, or a variant with one rule broken. */
export type Protocol = {
  programs: Programs;
  /** Null = the real rules. */
  rules: Rules | null;
  /** What the code is told instead of the bounds' policy; the invariants measure by the latter. */
  policy: Partial<JobPolicy>;
  save: typeof saveInto;
  /** `save` may succeed over a newer version. */
  blindSaves: boolean;
  /** Old attempts' reports stay readable: needed only where a variant reads them. */
  keepsOldReports: boolean;
};

// Two literals of the form that job ids have.
export const JOB_IDS = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as JobId[];

/** Everything that states refer to by number. */
export class Model {
  readonly bounds: Bounds;
  readonly protocol: Protocol;
  readonly replay: Replay;
  readonly records = new Interner<JobRecord>();
  readonly leftovers = new Interner<readonly Leftover[]>();
  readonly stores = new Interner<Store>();
  readonly worlds = new Interner<World>();
  /** What `isHarmless` found, by node and age. */
  readonly harmless = new Map<string, boolean>();
  /** What `standIn` chose, by call. */
  readonly standIns = new Map<string, Node>();

  constructor(bounds: Bounds, protocol: Protocol) {
    this.bounds = bounds;
    this.protocol = protocol;
    const policy = { ...bounds.policy, ...protocol.policy };
    this.replay = new Replay(
      protocol.programs,
      policy,
      protocol.rules === null ? {} : { rules: protocol.rules },
      JOB_IDS,
    );
  }

  first(): State {
    const { bounds } = this;
    const jobs = JOB_IDS.slice(0, bounds.jobs).map((jobId) => normalized(newRecord(jobId, bounds), bounds.policy));
    return { store: this.stores.idOf({ jobs, holders: [] }), world: this.worlds.idOf(newWorld(bounds)), workers: [] };
  }
}

export function newRecord(jobId: JobId, bounds: Pick<Bounds, 'attemptTimeoutTicks'>): JobRecord {
  return newJob({
    jobId,
    clientId: 'client',
    externalJobId: null,
    model: { name: 'm', version: '1' },
    pool: 'p',
    inputSha256: '0'.repeat(64),
    warnings: [],
    nowMs: NOW_MS,
    startDeadlineMs: NEVER_MS,
    totalDeadlineMs: NEVER_MS,
    attemptTimeoutMs: bounds.attemptTimeoutTicks,
    canShrink: false,
  });
}
