import { describe, expect, it } from '@jest/globals';
import {
  FAILURE_CODES,
  holdsSlot,
  isTerminal,
  jobIdSchema,
  lastEventIdSchema,
  lifeEventSchema,
  statusOf,
  type JobRecord,
} from '@bpi/job-contract';
import { newJob, transition, type JobEvent } from '@bpi/jobs';
import { eventsAfter, isToldAll, NOTHING_TOLD, positionOf, type LifePosition, type Told } from './life-of.ts';

const LIVES = 100;
const STEPS_MAX = 40;
/** `BPI_TEST_SEED=n` repeats the lives of a run. */
const seed = Number(process.env['BPI_TEST_SEED'] ?? Date.now() % 2 ** 31);
process.stdout.write(`lives of jobs: BPI_TEST_SEED=${seed}\n`);

/** Uniform in [0, 1). Source: Marsaglia, "Xorshift RNGs" (2003), 32 bits. */
function seededRandom(from: number): () => number {
  let state = from === 0 ? 1 : from | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function fail(what: string): never {
  throw new Error(what);
}

const START_MS = 1_000_000;
const aJob = (): JobRecord =>
  newJob({
    jobId: jobIdSchema.parse('0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203'),
    clientId: 'clinic',
    externalJobId: 'private',
    model: { name: 'model', version: '1' },
    pool: 'cpu',
    inputSha256: '0'.repeat(64),
    warnings: [],
    nowMs: START_MS,
    startDeadlineMs: 1_000,
    totalDeadlineMs: 1_000,
    attemptTimeoutMs: 1_000,
    canShrink: false,
  });

/** Records of one job, one behind the other, by whatever `transition` allows; clocks jump back and stand still at times. */
function aLife(random: () => number): JobRecord[] {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] ?? fail('none to pick');
  const records = [aJob()];
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const job = records.at(-1) ?? aJob();
    const atMs = START_MS + step + Math.floor(random() * 6) - 3;
    const [code, last] = [pick(FAILURE_CODES), random() < 0.15];
    const events: JobEvent[] = holdsSlot(job.phase)
      ? [
          { type: 'taskSeen', task: 't', waitsForCapacity: random() < 0.5 },
          { type: 'retried', code, notBeforeMs: atMs, shrink: 'no', atMs },
          ...(job.phase === 'launching' ? [{ type: 'started', task: 't', atMs } as const] : []),
          ...(last
            ? [
                { type: 'published' as const, manifest: [], atMs },
                { type: 'failed' as const, code, atMs },
              ]
            : []),
        ]
      : job.phase === 'queued'
        ? [
            { type: 'claimed', pool: 'cpu', definition: null, atMs },
            ...(last ? [{ type: 'failed', code, atMs } as const] : []),
          ]
        : [{ type: 'projected', atVersion: job.version }];
    const isCancel = !isTerminal(job.phase) && random() < 0.1;
    records.push(transition(job, isCancel ? { type: 'cancelRequested', atMs } : pick(events)).after);
  }
  return records;
}

const positions = (job: JobRecord, told: readonly Told[]): LifePosition[] =>
  told.map(({ id }) => positionOf(job, id) ?? fail(`the id ${id} is none of this job`));

describe(`the events of ${LIVES} lives (seed ${seed})`, () => {
  const random = seededRandom(seed);
  const lives = Array.from({ length: LIVES }, () => aLife(random));
  const all = lives.map((records) => {
    const job = records.at(-1) ?? fail('a life has records');
    return { records, job, whole: eventsAfter(job, NOTHING_TOLD) };
  });

  it('reach what they have to, so that the rest says something', () => {
    const types = all.flatMap(({ whole }) => whole.map(({ event }) => event.type));
    expect(new Set(types).size).toBe(7);
    expect(Math.max(...all.map(({ whole }) => whole.length))).toBeGreaterThan(15);
    expect(all.filter(({ whole }) => whole.some(({ id }) => /\dc$/.test(id))).length).toBeGreaterThan(LIVES / 4);
  });

  it('have ids of their own that only grow, and fit the contract', () => {
    for (const { job, whole } of all) {
      expect(new Set(whole.map(({ id }) => id)).size).toBe(whole.length);
      for (const { id, event } of whole) {
        expect(lastEventIdSchema.parse(id)).toBe(id);
        expect(lifeEventSchema.parse(event)).toEqual(event);
      }
      const places = positions(job, whole);
      for (const [n, next] of places.entries()) {
        const before = places[n - 1] ?? NOTHING_TOLD;
        expect(next.rank >= before.rank && (next.cancelTold || !before.cancelTold)).toBe(true);
      }
    }
  });

  it('are replayed from every id as the tail of the whole', () => {
    for (const { job, whole } of all) {
      for (const [n, from] of positions(job, whole).entries()) {
        expect(eventsAfter(job, from)).toEqual(whole.slice(n + 1));
      }
    }
  });

  it('reach somebody who watched, and came back with any id, each once and none that is another in the whole', () => {
    for (const { records, job, whole } of all) {
      let position = NOTHING_TOLD;
      const told: Told[] = [];
      for (const record of records) {
        if (random() < 0.3) continue; // changes come faster than looks
        told.push(...eventsAfter(record, position));
        const last = told.at(-1);
        // As after a restart: all that is known of the past is the last id.
        position = last === undefined ? NOTHING_TOLD : (positionOf(record, last.id) ?? fail('an id was lost'));
      }
      told.push(...eventsAfter(job, position));
      const textOf = ({ event }: Told) => JSON.stringify(event);
      expect(told.map(textOf).sort()).toEqual(whole.map(textOf).sort());
      const withoutWish = (events: readonly Told[]) => events.filter(({ event }) => event.type !== 'cancel_requested');
      expect(withoutWish(told).map(textOf)).toEqual(withoutWish(whole).map(textOf));
    }
  });

  it('begin with the creation, end with the end alone, and agree with the status', () => {
    for (const { job, whole } of all) {
      expect(whole[0]?.id).toBe('0');
      const ends = whole.filter(({ position }) => isToldAll(position));
      expect(ends).toEqual(isTerminal(job.phase) ? [whole.at(-1)] : []);
      const status = whole.findLast(({ event }) => event.status !== undefined)?.event.status;
      expect(status).toBe(statusOf(job));
      expect(whole.some(({ event }) => event.type === 'cancel_requested')).toBe(job.cancelRequestedAtMs !== null);
    }
  });

  it('hold nothing that the client wrote', () => {
    expect(JSON.stringify(all.map(({ whole }) => whole))).not.toContain('private');
  });
});

describe('an id', () => {
  const claimed = transition(aJob(), { type: 'claimed', pool: 'cpu', definition: null, atMs: START_MS }).after;

  it.each([
    '',
    '1',
    '10',
    '12',
    '13',
    '21',
    '011',
    '11cc',
    '0c',
    'end',
    'endc',
    '-1',
    '1e1',
    ' 11',
    '11\n',
    'x'.repeat(99),
  ])('that no event of the job has is no position: %j', (id) => {
    expect(positionOf(claimed, id)).toBeNull();
  });

  it('is a position as soon as there is its event', () => {
    expect(positionOf(claimed, '11')).toEqual({ rank: 11, cancelTold: false });
    const cancelled = transition(claimed, { type: 'cancelRequested', atMs: START_MS }).after;
    expect(positionOf(cancelled, '0c')).toEqual({ rank: 0, cancelTold: true });
    const failed = transition(cancelled, { type: 'failed', code: 'cancelled', atMs: START_MS }).after;
    expect(positionOf(failed, 'end')).toEqual({ rank: Number.POSITIVE_INFINITY, cancelTold: true });
    expect(eventsAfter(failed, { rank: 11, cancelTold: true }).map(({ id }) => id)).toEqual(['13c', 'end']);
  });
});
