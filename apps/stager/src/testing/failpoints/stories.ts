/** What a client and its platform live through. Each may be begun again at any time: that is what its failpoints do. */
import { DEFAULT_RETENTION, holdsSlot, isTerminal, type FailureCode, type JobRecord } from '@bpi/job-contract';
import type { Fate, World } from './world.ts';

/** How a job ends, by its Idempotency-Key. */
export type Outcome = 'completed' | 'expired' | 'deleted' | FailureCode;

export type Story = {
  fate?: Fate;
  tell: (world: World) => Promise<void>;
  outcomes: Readonly<Record<string, Outcome>>;
};

const isOver = ({ phase }: JobRecord): boolean => isTerminal(phase);
const hasBegun = (job: JobRecord): boolean => isOver(job) || (holdsSlot(job.phase) && job.attempt?.task !== null);
const runs = ({ phase }: JobRecord): boolean => phase === 'running' || isTerminal(phase);

export const STORIES = {
  completes: {
    tell: async (world) => {
      await world.turnUntil(isOver, await world.submit('a'));
    },
    outcomes: { a: 'completed' },
  },
  'is sent twice': {
    tell: async (world) => {
      await world.submit('a');
      await world.turnUntil(isOver, await world.submit('a'));
    },
    outcomes: { a: 'completed' },
  },
  'waits for the slot of another': {
    tell: async (world) => {
      const jobs = [await world.submit('a'), await world.submit('b')];
      for (const jobId of jobs) await world.turnUntil(isOver, jobId);
    },
    outcomes: { a: 'completed', b: 'completed' },
  },
  'is retried after an unknown launch and a killed model': {
    fate: { attempts: { 1: 'killed' }, answersLost: [1] },
    tell: async (world) => {
      await world.turnUntil(isOver, await world.submit('a'));
    },
    outcomes: { a: 'completed' },
  },
  fails: {
    fate: { attempts: { 1: 'fails' } },
    tell: async (world) => {
      await world.turnUntil(isOver, await world.submit('a'));
    },
    outcomes: { a: 'model_error' },
  },
  'is forgotten by the queue': {
    tell: async (world) => {
      const jobId = await world.submit('a');
      await world.loseWakeUps();
      await world.turnUntil(isOver, jobId);
    },
    outcomes: { a: 'completed' },
  },
  'loses a machine that comes back': {
    fate: { attempts: { 1: 'stubborn' }, lost: [1] },
    tell: async (world) => {
      await world.turnUntil(isOver, await world.submit('a'));
      await world.hostsComeBack();
    },
    outcomes: { a: 'completed' },
  },
  'loses a machine that comes back much later': {
    fate: { attempts: { 1: 'stubborn' }, lost: [1] },
    tell: async (world) => {
      await world.turnUntil(isOver, await world.submit('a'));
      await world.settle();
      await world.hostsComeBack();
    },
    outcomes: { a: 'completed' },
  },
  'is cancelled while it waits': {
    tell: async (world) => {
      await world.cancel(await world.submit('a'));
    },
    outcomes: { a: 'cancelled' },
  },
  'is cancelled while it runs and does not listen': {
    fate: { attempts: { 1: 'stubborn' } },
    tell: async (world) => {
      const jobId = await world.submit('a');
      await world.turnUntil(runs, jobId);
      await world.cancel(jobId);
      await world.turnUntil(isOver, jobId);
    },
    outcomes: { a: 'cancelled' },
  },
  'is deleted while it runs': {
    fate: { attempts: { 1: 'stubborn' } },
    tell: async (world) => {
      const jobId = await world.submit('a');
      await world.turnUntil(hasBegun, jobId);
      await world.delete(jobId);
      await world.turnUntil(isOver, jobId);
    },
    outcomes: { a: 'deleted' },
  },
  'is deleted after it completed': {
    tell: async (world) => {
      const jobId = await world.submit('a');
      await world.turnUntil(isOver, jobId);
      await world.delete(jobId);
    },
    outcomes: { a: 'deleted' },
  },
  'is deleted long after': {
    tell: async (world) => {
      const jobId = await world.submit('a');
      await world.turnUntil(isOver, jobId);
      await world.settle();
      await world.delete(jobId);
    },
    outcomes: { a: 'deleted' },
  },
  'is past its files’ time': {
    tell: async (world) => {
      const jobId = await world.submit('a');
      await world.turnUntil(isOver, jobId);
      await world.taskIsRemoved(jobId);
      await world.expireAt(jobId, DEFAULT_RETENTION.inputMs);
      await world.expireAt(jobId, DEFAULT_RETENTION.resultMs);
    },
    outcomes: { a: 'expired' },
  },
  'is past all its time': {
    tell: async (world) => {
      const jobId = await world.submit('a');
      await world.turnUntil(isOver, jobId);
      await world.taskIsRemoved(jobId);
      await world.expireAt(jobId, DEFAULT_RETENTION.recordMs);
    },
    outcomes: { a: 'deleted' },
  },
  'was never told of': {
    tell: (world) => world.submitHalf(),
    outcomes: {},
  },
} as const satisfies Record<string, Story>;

export type StoryName = keyof typeof STORIES;

export function storyOf(name: string): Story {
  const stories: Readonly<Record<string, Story>> = STORIES;
  const story = stories[name];
  if (story === undefined) throw new Error('no such story');
  return story;
}
