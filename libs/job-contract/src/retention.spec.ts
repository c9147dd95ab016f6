import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { jobRecordSchema } from './job-record.ts';
import { OBJECT_KINDS } from './keys.ts';
import { CLASS_OF_KIND, keepsRecordLongest, FILE_CLASSES, retentionOf, retentionVariables } from './retention.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const schema = z.object(retentionVariables((name, mustBe) => `${name} ${mustBe}.`)).refine(keepsRecordLongest);

describe('the retention of a deployment', () => {
  it('is a week for inputs, a month for results and logs, a year for records, unless it is told otherwise', () => {
    const days = (kept: number) => kept * DAY_MS;
    expect(retentionOf(schema.parse({}))).toEqual({
      inputMs: days(7),
      resultMs: days(30),
      logsMs: days(30),
      recordMs: days(365),
    });
    const given = { RETENTION_INPUT_DAYS: '0.5', RETENTION_RECORD_DAYS: '30' };
    expect(retentionOf(schema.parse(given))).toMatchObject({ inputMs: days(0.5), recordMs: days(30) });
  });

  it.each([
    ['RETENTION_INPUT_DAYS', '0'],
    ['RETENTION_RESULT_DAYS', 'for ever'],
    ['RETENTION_LOGS_DAYS', '-1'],
    ['RETENTION_RECORD_DAYS', '36501'],
    ['RETENTION_INPUT_DAYS', 'NaN'],
    ['RETENTION_INPUT_DAYS', 'Infinity'],
  ])('is refused with one sentence for %s=%s', (name, value) => {
    const issues = schema.safeParse({ [name]: value }).error?.issues ?? [];
    expect(issues.map(({ message }) => message)).toEqual([`${name} must be a number of days from 0.01 to 36500.`]);
  });

  it.each(['INPUT', 'RESULT', 'LOGS'])('never lets the record go before %s', (kept) => {
    const variables = { RETENTION_RECORD_DAYS: '60', [`RETENTION_${kept}_DAYS`]: '60' };
    expect(schema.safeParse(variables).success).toBe(true);
    expect(schema.safeParse({ ...variables, [`RETENTION_${kept}_DAYS`]: '60.1' }).success).toBe(false);
  });

  it('has a class for every kind of object, and an object for every class of files', () => {
    expect([...new Set(OBJECT_KINDS.map((kind) => CLASS_OF_KIND[kind]))].sort()).toEqual([...FILE_CLASSES].sort());
  });

  it('is nothing that a record of an older release promised', () => {
    const { retention, expired } = jobRecordSchema.shape;
    expect([retention.parse(undefined), expired.parse(undefined)]).toEqual([null, []]);
  });
});
