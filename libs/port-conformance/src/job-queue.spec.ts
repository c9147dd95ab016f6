import { SqliteJobQueue } from '@bpi/adapters-local';
import { ManualClock, MemoryJobQueue } from '@bpi/adapters-memory';
import { describeJobQueue, type JobQueueHarness } from './job-queue.conformance.ts';
import { makeLocalDatabase } from './local-database.ts';

const visibilityTimeoutMs = 10_000;

const ADAPTERS: Record<string, () => Promise<JobQueueHarness>> = {
  memory: async () => {
    const clock = new ManualClock();
    const queue = new MemoryJobQueue(clock, { visibilityTimeoutMs });
    const passMs = async (ms: number) => clock.advance(ms);
    return { queue, visibilityTimeoutMs, passMs, second: async () => queue, close: async () => {} };
  },
  sqlite: async () => {
    const clock = new ManualClock();
    const local = await makeLocalDatabase();
    const connect = () => new SqliteJobQueue(local.connect(), clock, { visibilityTimeoutMs });
    const passMs = async (ms: number) => clock.advance(ms);
    return { queue: connect(), visibilityTimeoutMs, passMs, second: async () => connect(), close: local.close };
  },
};

for (const [name, make] of Object.entries(ADAPTERS)) describeJobQueue(name, make);
