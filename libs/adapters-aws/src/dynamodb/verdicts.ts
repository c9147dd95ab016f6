import type { JobId } from '@bpi/job-contract';
import type { CreateResult, IdempotencyClaim, SaveResult } from '@bpi/jobs';
import { parseClaim } from './claim-item.ts';
import { parseRecord } from './job-item.ts';
import type { Item } from './job-table.ts';
import { conditionFailed, type Refusal } from './refusals.ts';

/** As the port has it, or the job that an earlier claim names and that is still to be read. */
export type CreateVerdict = CreateResult | { kind: 'claimed'; jobId: JobId };

/**
 * What refusals say about a save: [job], or [job, pool]. A stored job that carries our own `saveId` was saved by an
 * earlier try whose answer was lost. Null if they do not say.
 */
export function saveVerdict([job, pool]: readonly Refusal[], saveId: string): SaveResult | null {
  if (conditionFailed(job)) return job.item !== null && isOurSave(job.item, saveId) ? 'saved' : 'stale';
  return conditionFailed(pool) ? 'full' : null;
}

/** What the stored job says about a save that may have been applied; null: not so far. */
export function saveVerdictOfItem(item: Item | null, saveId: string, versionBefore: number): SaveResult | null {
  if (item === null) return 'stale';
  if (isOurSave(item, saveId)) return 'saved';
  return item['version']?.N === String(versionBefore) ? null : 'stale';
}

/**
 * What refusals say about a create: [job, …], or [job, claim, …] if there is a claim. A claim that came first counts
 * more than a job of the same id, but a job that we made ourselves counts most: then the claim is ours too. Null if they
 * do not say.
 */
export function createVerdict(
  [job, earlier]: readonly Refusal[],
  own: { createId: string; claim: IdempotencyClaim | null },
): CreateVerdict | null {
  const sameId = conditionFailed(job) ? job.item : null;
  if (sameId !== null && isOurCreate(sameId, own.createId)) return { kind: 'created' };
  if (conditionFailed(earlier) && earlier.item !== null && own.claim !== null) {
    const { jobId, fingerprint } = parseClaim(earlier.item);
    return fingerprint === own.claim.fingerprint ? { kind: 'claimed', jobId } : { kind: 'mismatch' };
  }
  return sameId === null ? null : { kind: 'exists', job: parseRecord(sameId) };
}

/** What the stored job says about a create that may have been applied; null: not so far. */
export function createVerdictOfItem(item: Item | null, createId: string): CreateVerdict | null {
  if (item === null) return null;
  return isOurCreate(item, createId) ? { kind: 'created' } : { kind: 'exists', job: parseRecord(item) };
}

function isOurSave(item: Item, saveId: string): boolean {
  return item['saveId']?.S === saveId;
}

function isOurCreate(item: Item, createId: string): boolean {
  return item['createId']?.S === createId;
}
