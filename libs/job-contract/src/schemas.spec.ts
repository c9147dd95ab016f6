import { describe, expect, it } from '@jest/globals';
import { attemptArtifactKey } from './keys.ts';
import { jobIdSchema } from './ids.ts';
import { progressSchema } from './job-record.ts';
import { reportSchema } from './report.ts';
import { externalJobIdSchema, idempotencyKeySchema } from './http.ts';

const jobId = jobIdSchema.parse('0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203');
const head = { schema_version: 1, job_id: jobId, epoch: 1 };
const entry = {
  name: 'preview.png',
  key: attemptArtifactKey(jobId, 1, 'preview.png'),
  bytes: 3,
  sha256: 'a'.repeat(64),
  media_type: 'image/png',
};
const stored = { ...head, result: 'stored', manifest: [entry] };
const failed = { ...head, result: 'failed', code: 'model_error', detail: 'exit_1', exit_code: 1 };

describe('report.json', () => {
  it.each([
    ['results', stored],
    ['a failure', failed],
    ['a failure without exit code', { ...failed, exit_code: null }],
  ])('may tell of %s', (_, report) => {
    expect(reportSchema.safeParse(report).success).toBe(true);
  });

  it.each([
    ['an empty manifest', { ...stored, manifest: [] }],
    ['an unknown artifact', { ...stored, manifest: [{ ...entry, name: 'extra.bin' }] }],
    ['a negative size', { ...stored, manifest: [{ ...entry, bytes: -1 }] }],
    ['a wrong digest', { ...stored, manifest: [{ ...entry, sha256: 'A'.repeat(64) }] }],
    ['both results', { ...stored, code: 'model_error' }],
    ['free text', { ...failed, detail: 'Jane Doe' }],
    ['an unknown code', { ...failed, code: 'sabotage' }],
    ['an unknown field', { ...failed, note: 'x' }],
    ['another version', { ...failed, schema_version: 2 }],
    ['a wrong job id', { ...failed, job_id: 'x' }],
  ])('may not have %s', (_, report) => {
    expect(reportSchema.safeParse(report).success).toBe(false);
  });
});

describe('what clients and models write', () => {
  it('bounds progress', () => {
    expect(progressSchema.safeParse({ fraction: 1, step: 'segment', atMs: 1 }).success).toBe(true);
    for (const fraction of [-0.1, 1.1, NaN, Infinity]) {
      expect(progressSchema.safeParse({ fraction, step: 'segment', atMs: 1 }).success).toBe(false);
    }
    expect(progressSchema.safeParse({ fraction: 0, step: 'x'.repeat(33), atMs: 1 }).success).toBe(false);
  });

  it.each([
    ['case-1', true],
    ['Fall 7 äöü', true],
    ['', false],
    ['x'.repeat(129), false],
    ['a\nb', false],
    ['a\u0000b', false],
    ['\ud800', false],
  ])('external job id %j: %s', (text, valid) => {
    expect(externalJobIdSchema.safeParse(text).success).toBe(valid);
  });

  it.each([
    ['k-1', true],
    ['', false],
    ['a b', false],
    ['ä', false],
    ['x'.repeat(129), false],
  ])('idempotency key %j: %s', (text, valid) => {
    expect(idempotencyKeySchema.safeParse(text).success).toBe(valid);
  });
});
