import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { jobIdSchema } from '@bpi/job-contract';
import { markOf, newJob, systemClock, transition, type StoredJob } from '@bpi/jobs';
import { until } from '../testing/api-harness.ts';
import { JobWatch } from '../waiting/job-watch.ts';
import { EventStream } from './event-stream.ts';
import { NOTHING_TOLD } from './life-of.ts';

const SETTINGS = { streamLifeMs: 20_000, streamHeartbeatMs: 20_000, streamBufferBytesMax: 4_096 };

/** A job under way whose progress the test makes. */
function aRunningJob(): StoredJob {
  const queued = newJob({
    jobId: jobIdSchema.parse('0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203'),
    clientId: 'clinic',
    externalJobId: null,
    model: { name: 'model', version: '1' },
    pool: 'cpu',
    inputSha256: '0'.repeat(64),
    warnings: [],
    nowMs: 1_000,
    startDeadlineMs: 1_000,
    totalDeadlineMs: 1_000,
    attemptTimeoutMs: 1_000,
    canShrink: false,
  });
  const { after } = transition(queued, { type: 'claimed', pool: 'cpu', definition: null, atMs: 1_000 });
  return { job: after, progress: null };
}

/** Takes nothing until it is told to read on; then everything. */
function makeReader(highWaterMark: number) {
  let isReading = false;
  let held: (() => void) | null = null;
  const texts: string[] = [];
  const out = new Writable({
    highWaterMark,
    write(chunk: Buffer, _encoding, done) {
      texts.push(chunk.toString());
      if (isReading) done();
      else held = done;
    },
  });
  const readOn = (): void => {
    isReading = true;
    held?.();
  };
  return { out, texts, readOn };
}

function makeStream(reader: { out: Writable }, settings: Partial<typeof SETTINGS> = {}) {
  let stored = aRunningJob();
  const store = { marks: async () => new Map([[stored.job.jobId, markOf(stored)]]) };
  const watch = new JobWatch({ store, tickMs: 1, onFailure: () => {} });
  const gone = new AbortController();
  reader.out.once('close', () => gone.abort());
  let looks = 0;
  const look = async (): Promise<StoredJob> => {
    looks += 1;
    return stored;
  };
  const parts = { settings: { ...SETTINGS, ...settings }, watch, clock: systemClock, gone: gone.signal, look };
  const telling = new EventStream({ ...parts, out: reader.out }, NOTHING_TOLD).tell(stored);
  const progress = async (fraction: number): Promise<void> => {
    const before = looks;
    stored = { ...stored, progress: { fraction, step: 'segment', atMs: 2_000 } };
    await until(() => looks > before);
  };
  return { telling, watch, progress };
}

describe('a reader that does not keep up', () => {
  it('gets the newest progress alone when it reads on', async () => {
    const reader = makeReader(64);
    const { telling, watch, progress } = makeStream(reader);
    for (let n = 1; n <= 200; n += 1) await progress(n / 1_000);
    expect(reader.out.writableLength).toBeLessThan(SETTINGS.streamBufferBytesMax);
    reader.readOn();
    await until(() => !reader.out.writableNeedDrain);
    await progress(0.9);
    await until(() => reader.texts.join('').includes('"fraction":0.9'));
    expect(reader.texts.join('').match(/event: progress/g)).toHaveLength(1);
    watch.close();
    await telling;
  });

  it('is cut off when it leaves more unread than it may', async () => {
    const reader = makeReader(64);
    const { telling } = makeStream(reader, { streamBufferBytesMax: 100 });
    await telling;
    expect(reader.out.destroyed).toBe(true);
  });
});
