import { ConditionalCheckFailedException, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { isErrorNamed, isTransient } from '../aws-error.ts';
import type { Item } from './job-table.ts';

/** Why DynamoDB refused one of the items of a write. `item` is what lay there, if the write asked for it. */
export type Refusal = { code: string; item: Item | null };

const CONDITION_FAILED = 'ConditionalCheckFailed';
const CONFLICT = 'TransactionConflict';
/** Reasons that pass by themselves, and the exceptions that mean the same for a whole request. */
const PASSING_REASONS: Readonly<Record<string, string>> = {
  [CONFLICT]: 'TransactionConflictException',
  ProvisionedThroughputExceeded: 'ProvisionedThroughputExceededException',
  ThrottlingError: 'ThrottlingException',
};

/** What was refused, in the order that the items were sent; null if the error is no refusal but says less or more. */
export function refusalsOf(error: unknown): Refusal[] | null {
  if (error instanceof ConditionalCheckFailedException) {
    return [{ code: CONDITION_FAILED, item: error.Item ?? null }];
  }
  if (error instanceof TransactionCanceledException) {
    return (error.CancellationReasons ?? []).map(({ Code, Item: item }) => ({
      code: Code ?? 'None',
      item: item ?? null,
    }));
  }
  if (isErrorNamed(error, 'TransactionConflictException', 'ReplicatedWriteConflictException')) {
    return [{ code: CONFLICT, item: null }];
  }
  return null;
}

export function conditionFailed(refusal: Refusal | undefined): refusal is Refusal {
  return refusal?.code === CONDITION_FAILED;
}

/** Whether the same write may be sent again: nothing stands against it but time. */
export function isPassing(error: unknown): boolean {
  const reasons = (refusalsOf(error) ?? []).map(({ code }) => code).filter((code) => code !== 'None');
  if (reasons.length === 0) return isTransient(error);
  return reasons.every((code) => Object.hasOwn(PASSING_REASONS, code));
}

/** What to raise when an error did not pass in time. A cancelled transaction is named after its first reason. */
export function stillBusy(error: unknown): unknown {
  const reason = refusalsOf(error)?.find(({ code }) => code !== 'None');
  if (reason === undefined) return error;
  return { name: PASSING_REASONS[reason.code] ?? reason.code };
}
