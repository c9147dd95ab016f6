import { setTimeout as pause } from 'node:timers/promises';
import { SqsJobQueue } from '@bpi/adapters-aws';
import { SqliteJobQueue } from '@bpi/adapters-local';
import { ManualClock, MemoryJobQueue } from '@bpi/adapters-memory';
import { systemClock } from '@bpi/jobs';
import { makeEmulatedQueue } from './aws-emulator.ts';
import { describeJobQueue, type JobQueueHarness } from './job-queue.conformance.ts';
import { makeLocalDatabase } from './local-database.ts';

const visibilityTimeoutMs = 10_000;
/** SQS has no clock to turn, so time really passes there: little of it, and a little more for the way back and forth. */
const SQS_VISIBILITY_TIMEOUT_MS = 2_000;
const SQS_LAG_MS = 200;

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
  sqs: async () => {
    const { queueUrl, connect, close } = await makeEmulatedQueue(process.env['BPI_TEST_AWS_ENDPOINT']);
    const onDropped = (reason: string) => {
      throw new Error(`a message of ours was dropped: ${reason}`);
    };
    const settings = { queueUrl, clock: systemClock, visibilityTimeoutMs: SQS_VISIBILITY_TIMEOUT_MS, onDropped };
    const open = () => new SqsJobQueue({ ...settings, client: connect() });
    return {
      queue: open(),
      visibilityTimeoutMs: SQS_VISIBILITY_TIMEOUT_MS,
      passMs: (ms) => pause(ms + SQS_LAG_MS),
      second: async () => open(),
      close,
    };
  },
};

for (const [name, make] of Object.entries(ADAPTERS)) describeJobQueue(name, make);
