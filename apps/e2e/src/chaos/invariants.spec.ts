/** Each invariant seen broken by a history made by hand. */
import { describe, expect, it } from '@jest/globals';
import { jobIdSchema, type JobRecord } from '@bpi/job-contract';
import { newJob } from '@bpi/jobs';
import type { Answer, Order, StatusSeen } from './history.ts';
import { INVARIANTS, violationsOf, type Evidence, type Remains } from './invariants.ts';

const JOB_ID = jobIdSchema.parse('11111111-1111-4111-8111-111111111111');
const OTHER_ID = jobIdSchema.parse('22222222-2222-4222-8222-222222222222');
const MASK = 'a'.repeat(64);
const OTHER_MASK = 'b'.repeat(64);
const KEY = 'order-1';

const order: Order = {
  key: KEY,
  input: 'one',
  params: {},
  outcome: 'completed',
  twice: false,
  cancelAfterMs: null,
  deleteAfterMs: null,
};
const nothing: Remains = {
  runningContainers: [],
  slotHolders: [],
  queueMessages: 0,
  scratchFiles: [],
  strayTasks: [],
  deletedFiles: [],
  complaints: [],
  leaks: [],
  loggedEnds: [JOB_ID],
  usage: [{ name: 'api', fds: [40, 41], rssMiB: [100, 104] }],
};

function record(changes: Partial<JobRecord> = {}): JobRecord {
  const queued = newJob({
    jobId: JOB_ID,
    clientId: 'local',
    externalJobId: null,
    model: { name: 'echo', version: '1.0.0' },
    pool: 'cpu',
    inputSha256: MASK,
    warnings: [],
    nowMs: 0,
    startDeadlineMs: 1,
    totalDeadlineMs: 1,
    attemptTimeoutMs: 1,
    canShrink: false,
  });
  const manifest = [{ name: 'pred_mask.npz' as const, key: 'k', bytes: 1, sha256: MASK, media_type: 'm' }];
  return { ...queued, phase: 'completed', attempt: attemptOf(1), result: { epoch: 1, manifest }, ...changes };
}

function attemptOf(epoch: number): JobRecord['attempt'] {
  return {
    epoch,
    claimedAtMs: 0,
    pool: 'cpu',
    definition: null,
    shrunk: false,
    task: null,
    waitsForCapacity: false,
    dispatchFailures: 0,
    startedAtMs: null,
    deadlineAtMs: null,
    intent: null,
    missingSinceMs: null,
  };
}

const answer = (changes: Partial<Answer> & Pick<Answer, 'asked'>): Answer => ({
  key: KEY,
  jobId: JOB_ID,
  http: 200,
  code: null,
  seen: null,
  ...changes,
});
const submitted = answer({ asked: 'submit', http: 202 });
const status = (seen: Partial<StatusSeen>) =>
  answer({ asked: 'status', seen: { status: 'running', phase: 'running', attempt: 1, error: null, ...seen } });
const completed = status({ status: 'completed', phase: 'completed' });
const failed = status({ status: 'failed', phase: 'failed', error: 'cancelled' });
const result = (mask = MASK, attempt = 1) =>
  answer({ asked: 'result', seen: { attempt, artifacts: { 'pred_mask.npz': mask } } });
const failedRecord = record({ phase: 'failed', result: null, error: { code: 'cancelled', fault: 'user' } });

const good: Evidence = {
  orders: [order],
  answers: [submitted, status({ status: 'pending', phase: 'queued', attempt: 0 }), completed, result(), result()],
  records: [record()],
  remains: nothing,
  expectedMask: () => MASK,
  attemptsMax: 3,
};

type Bad = { name: string; breaks: string; evidence: Partial<Evidence> };

const left = (changes: Partial<Remains>): Partial<Evidence> => ({ remains: { ...nothing, ...changes } });

const BAD: readonly Bad[] = [
  {
    name: 'an internal error',
    breaks: 'H',
    evidence: { answers: [...good.answers, answer({ asked: 'status', http: 500 })] },
  },
  { name: 'a job that nobody accepted', breaks: 'I1', evidence: { answers: [], records: [] } },
  { name: 'an accepted job that is not there', breaks: 'I1', evidence: { records: [] } },
  {
    name: 'a job that goes on for ever',
    breaks: 'I1',
    evidence: { records: [record({ phase: 'running', result: null })] },
  },
  { name: 'two ends', breaks: 'I2', evidence: { answers: [submitted, failed, completed, result()] } },
  { name: 'an end that the record does not have', breaks: 'I2', evidence: { records: [failedRecord] } },
  {
    name: 'a good job that failed',
    breaks: 'I2',
    evidence: {
      answers: [submitted, status({ status: 'failed', phase: 'failed', error: 'model_error' })],
      records: [record({ phase: 'failed', result: null, error: { code: 'model_error', fault: 'model' } })],
    },
  },
  {
    name: 'a job that is cancelled and that nobody cancelled',
    breaks: 'I2',
    evidence: { answers: [submitted, failed], records: [failedRecord] },
  },
  { name: 'a result that changed', breaks: 'I3', evidence: { answers: [...good.answers, result(OTHER_MASK)] } },
  { name: 'a wrong result', breaks: 'I3', evidence: { expectedMask: () => OTHER_MASK } },
  { name: 'a result without an oracle', breaks: 'I3', evidence: { expectedMask: () => undefined } },
  { name: 'a completed job whose result nobody gets', breaks: 'I3', evidence: { answers: [submitted, completed] } },
  {
    name: 'a result of another attempt than the recorded one',
    breaks: 'I3',
    evidence: { answers: [submitted, completed, result(MASK, 2)] },
  },
  {
    name: 'two jobs for a key',
    breaks: 'I4',
    evidence: { answers: [...good.answers, { ...submitted, jobId: OTHER_ID }] },
  },
  { name: 'a job without a key', breaks: 'I4', evidence: { records: [record(), record({ jobId: OTHER_ID })] } },
  {
    name: 'one job for two keys',
    breaks: 'I4',
    evidence: {
      orders: [order, { ...order, key: 'order-2' }],
      answers: [...good.answers, ...good.answers.map((one) => ({ ...one, key: 'order-2' }))],
    },
  },
  {
    name: 'a status that goes back',
    breaks: 'I5',
    evidence: { answers: [submitted, status({}), status({ status: 'pending', phase: 'queued' }), completed, result()] },
  },
  {
    name: 'an attempt that goes back',
    breaks: 'I5',
    evidence: { answers: [submitted, status({ attempt: 2 }), completed, result()] },
  },
  { name: 'a result of an earlier attempt', breaks: 'I6', evidence: { records: [record({ attempt: attemptOf(2) })] } },
  { name: 'a job that ended twice', breaks: 'I6', evidence: left({ loggedEnds: [JOB_ID, JOB_ID] }) },
  { name: 'a container that runs', breaks: 'I7', evidence: left({ runningContainers: ['bpi-1'] }) },
  { name: 'a slot that is held', breaks: 'I7', evidence: left({ slotHolders: [JOB_ID] }) },
  { name: 'a message that waits', breaks: 'I7', evidence: left({ queueMessages: 1 }) },
  { name: 'a scratch file', breaks: 'I7', evidence: left({ scratchFiles: ['scratch/1'] }) },
  { name: 'a task without a job', breaks: 'I7', evidence: left({ strayTasks: ['bpi-1'] }) },
  { name: 'files of a deleted job', breaks: 'I7', evidence: left({ deletedFiles: ['jobs/1/'] }) },
  { name: 'attempts without end', breaks: 'I8', evidence: { attemptsMax: 0 } },
  { name: 'a patient’s name in a log', breaks: 'I9', evidence: left({ leaks: ['api'] }) },
  { name: 'a process that ended by itself', breaks: 'I10', evidence: left({ complaints: ['api ended'] }) },
  {
    name: 'open files that stay',
    breaks: 'I11',
    evidence: left({ usage: [{ name: 'api', fds: [40, 45], rssMiB: [9, 9] }] }),
  },
  {
    name: 'memory that stays',
    breaks: 'I11',
    evidence: left({ usage: [{ name: 'api', fds: [4, 4], rssMiB: [90, 100] }] }),
  },
  { name: 'a result after a failure', breaks: 'I12', evidence: { answers: [submitted, failed, result()] } },
  {
    name: 'a result after a deletion',
    breaks: 'I12',
    evidence: { answers: [...good.answers, answer({ asked: 'delete', http: 202 }), result()] },
  },
  {
    name: 'a deleted job that is sent again and accepted',
    breaks: 'I12',
    evidence: { answers: [...good.answers, answer({ asked: 'delete', http: 202 }), submitted] },
  },
];

describe('the invariants', () => {
  it('hold for a good history', () => {
    expect(violationsOf(good)).toEqual([]);
  });

  it('hold for a job that was cancelled and one that was deleted', () => {
    const cancel = answer({ asked: 'cancel' });
    const gone = answer({ asked: 'status', http: 410, code: 'gone' });
    const deletion = { requestedAtMs: 1, erasedAtMs: 2, doneAtMs: 3 };
    expect(violationsOf({ ...good, answers: [submitted, cancel, failed], records: [failedRecord] })).toEqual([]);
    const answers = [submitted, completed, result(), answer({ asked: 'delete', http: 202 }), gone];
    expect(violationsOf({ ...good, answers, records: [record({ deletion })] })).toEqual([]);
  });

  it('allow what any client must live with: no answer, and “come again”', () => {
    const busy = [null, 429, 503, 507].map((http) => answer({ asked: 'status', http }));
    expect(violationsOf({ ...good, answers: [...busy, ...good.answers] })).toEqual([]);
  });

  it.each(BAD)('see $name ($breaks)', ({ breaks, evidence }) => {
    const broken = violationsOf({ ...good, ...evidence }).map((sentence) => sentence.split(' ')[0]);
    expect(broken).toContain(breaks);
  });

  it('are each seen broken by one of these', () => {
    const seen = new Set(BAD.map(({ breaks }) => breaks));
    expect(Object.keys(INVARIANTS).map((name) => name.split(' ')[0])).toEqual([...seen]);
  });
});
