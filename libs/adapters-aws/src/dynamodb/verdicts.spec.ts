import { describe, expect, it } from '@jest/globals';
import { ConditionalCheckFailedException, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { putClaim } from './claim-item.ts';
import { putJob } from './job-item.ts';
import { isPassing, refusalsOf, stillBusy, type Refusal } from './refusals.ts';
import { aClaim, aJob, jobIdOf } from './testing/a-job.ts';
import { createVerdict, createVerdictOfItem, saveVerdict, saveVerdictOfItem } from './verdicts.ts';

const NONE: Refusal = { code: 'None', item: null };
const CONFLICT: Refusal = { code: 'TransactionConflict', item: null };
const failed = (item: Refusal['item']): Refusal => ({ code: 'ConditionalCheckFailed', item });

describe('the verdict about a save', () => {
  const ours = failed({ version: { N: '2' }, saveId: { S: 'ours' } });
  const rivals = failed({ version: { N: '2' }, saveId: { S: 'theirs' } });

  it.each([
    ['our own save lies there', [ours], 'saved'],
    ["a rival's lies there", [rivals], 'stale'],
    ['a job that was never saved lies there', [failed({ version: { N: '1' } })], 'stale'],
    ['there is no job', [failed(null)], 'stale'],
    ['the pool has no slot left', [NONE, failed(null)], 'full'],
    ['the job was changed and the pool has no slot left', [rivals, failed(null)], 'stale'],
    ['our own save took the last slot', [ours, failed(null)], 'saved'],
    ['a transaction holds the job', [CONFLICT, NONE], null],
    ['nothing was refused', [], null],
  ] as [string, Refusal[], string | null][])('when %s', (_, refusals, verdict) => {
    expect(saveVerdict(refusals, 'ours')).toBe(verdict);
  });

  it('comes from the stored job when no answer says it', () => {
    expect(saveVerdictOfItem(null, 'ours', 1)).toBe('stale');
    expect(saveVerdictOfItem({ version: { N: '2' }, saveId: { S: 'ours' } }, 'ours', 1)).toBe('saved');
    expect(saveVerdictOfItem({ version: { N: '2' }, saveId: { S: 'theirs' } }, 'ours', 1)).toBe('stale');
    expect(saveVerdictOfItem({ version: { N: '1' }, saveId: { S: 'theirs' } }, 'ours', 1)).toBeNull();
  });
});

describe('the verdict about a create', () => {
  const job = aJob();
  const claim = aClaim();
  const own = { createId: 'ours', claim };
  const ours = failed(putJob('jobs', job, 'ours').Item ?? null);
  const rivals = failed(putJob('jobs', job, 'theirs').Item ?? null);
  const claimed = failed(putClaim('jobs', aJob({ jobId: jobIdOf(2) }), claim).Item ?? null);
  const otherPayload = failed(putClaim('jobs', job, aClaim({ fingerprint: 'e'.repeat(64) })).Item ?? null);

  it.each([
    ['our own create lies there', [ours], { kind: 'created' }],
    ['our own job and claim lie there', [ours, claimed], { kind: 'created' }],
    ["a rival's job lies there", [rivals, NONE], { kind: 'exists', job }],
    ['the claim came first', [NONE, claimed], { kind: 'claimed', jobId: jobIdOf(2) }],
    ['claim and job came first', [rivals, claimed], { kind: 'claimed', jobId: jobIdOf(2) }],
    ['the key was used with another payload', [rivals, otherPayload], { kind: 'mismatch' }],
    ['a transaction holds the claim', [NONE, CONFLICT], null],
    ['nothing was refused', [], null],
  ] as [string, Refusal[], object | null][])('when %s', (_, refusals, verdict) => {
    expect(createVerdict(refusals, own)).toEqual(verdict);
  });

  it('comes from the stored job when no answer says it', () => {
    expect(createVerdictOfItem(null, 'ours')).toBeNull();
    expect(createVerdictOfItem(ours.item, 'ours')).toEqual({ kind: 'created' });
    expect(createVerdictOfItem(rivals.item, 'ours')).toEqual({ kind: 'exists', job });
  });
});

describe('an error of a write', () => {
  const $metadata = { httpStatusCode: 400 };
  const cancelled = (...codes: string[]) =>
    new TransactionCanceledException({
      message: 'cancelled',
      $metadata,
      CancellationReasons: codes.map((Code) => ({ Code })),
    });
  const named = (name: string) => Object.assign(new Error(), { name, $metadata });

  it('is read as refusals in the order of the items', () => {
    const Item = { version: { N: '2' } };
    expect(refusalsOf(new ConditionalCheckFailedException({ message: '', $metadata, Item }))).toEqual([failed(Item)]);
    expect(refusalsOf(cancelled('None', 'ConditionalCheckFailed'))).toEqual([NONE, failed(null)]);
    expect(refusalsOf(named('TransactionConflictException'))).toEqual([CONFLICT]);
    expect(refusalsOf(named('ThrottlingException'))).toBeNull();
  });

  it.each([
    [cancelled('TransactionConflict', 'None'), true],
    [cancelled('None', 'ThrottlingError'), true],
    [cancelled('ProvisionedThroughputExceeded', 'TransactionConflict'), true],
    [cancelled('ValidationError', 'TransactionConflict'), false],
    [cancelled('ItemCollectionSizeLimitExceeded'), false],
    [cancelled('ConditionalCheckFailed'), false],
    [named('TransactionConflictException'), true],
    [named('ReplicatedWriteConflictException'), true],
    [named('TransactionInProgressException'), true],
    [named('ThrottlingException'), true],
    [named('RequestLimitExceeded'), true],
    [named('ProvisionedThroughputExceededException'), true],
    [named('TimeoutError'), true],
    [Object.assign(named('InternalServerError'), { $metadata: { httpStatusCode: 500 } }), true],
    [named('IdempotentParameterMismatchException'), false],
    [named('ItemCollectionSizeLimitExceededException'), false],
    [named('ResourceNotFoundException'), false],
    [named('ValidationException'), false],
    [named('AccessDeniedException'), false],
  ])('%s passes by itself: %s', (error, passes) => {
    expect(isPassing(error)).toBe(passes);
  });

  it('that did not pass in time is named after its reason', () => {
    expect(stillBusy(cancelled('None', 'TransactionConflict'))).toMatchObject({ name: 'TransactionConflictException' });
    const timeout = named('TimeoutError');
    expect(stillBusy(timeout)).toBe(timeout);
  });
});
