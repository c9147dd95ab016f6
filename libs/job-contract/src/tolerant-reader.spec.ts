import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { jobIdSchema } from './ids.ts';
import { jobFileSchema } from './job-file.ts';
import { jobRecordSchema, storedJobRecordSchema, storedProgressSchema } from './job-record.ts';
import { metadataSchema, storedMetadataSchema } from './metadata.ts';
import { reportSchema, storedReportSchema } from './report.ts';
import { ignoringUnknown, keepingUnknown } from './tolerant-reader.ts';
import { modelEndSchema, stageInVerdictSchema, taskFileSchema } from './work-folder.ts';

const jobId = jobIdSchema.parse('0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203');
const sha256 = 'a'.repeat(64);
const entry = { name: 'preview.png', key: 'k', bytes: 3, sha256, media_type: 'image/png' };
const REPORT = { schema_version: 1, job_id: jobId, epoch: 2, result: 'stored', manifest: [entry] };

/** Every object that a record may hold is here. */
const RECORD = {
  schemaVersion: 1,
  jobId,
  clientId: 'clinic',
  externalJobId: 'scan-7',
  model: { name: 'brain-mri', version: '1.0.0' },
  pool: 'cpu',
  inputSha256: sha256,
  warnings: [],
  createdAtMs: 1,
  startDeadlineAtMs: 2,
  totalDeadlineAtMs: 3,
  attemptTimeoutMs: 4,
  canShrink: true,
  phase: 'completed',
  version: 9,
  attempt: {
    epoch: 2,
    claimedAtMs: 1,
    pool: 'cpu',
    definition: null,
    shrunk: false,
    task: 'task',
    waitsForCapacity: false,
    dispatchFailures: 0,
    startedAtMs: 1,
    deadlineAtMs: 2,
    intent: { code: 'cancelled', atMs: 1 },
    missingSinceMs: null,
  },
  endedAttempts: [{ epoch: 1, pool: 'cpu', claimedAtMs: 1, startedAtMs: null, endedAtMs: 2, code: 'platform_error' }],
  retries: { platform: 1, capacity: 0, interrupted: 0, shrunk: 0 },
  notBeforeMs: 1,
  cancelRequestedAtMs: null,
  firstRunningAtMs: 1,
  endedAtMs: 2,
  error: { code: 'model_error', fault: 'model' },
  result: { epoch: 2, manifest: [entry] },
  endedVersion: 8,
  projectedVersion: 8,
  leftovers: [{ epoch: 2, task: 'task', endedAtMs: 2 }],
  deletion: { requestedAtMs: 2, erasedAtMs: null, doneAtMs: null },
  retention: { inputMs: 1, resultMs: 2, logsMs: 2, recordMs: 3 },
  expired: ['input'],
};

const METADATA = {
  schema_version: 1,
  job_id: jobId,
  model: { name: 'brain-mri', version: '1.0.0', image_digest: null, weights_sha256: null },
  params: { threshold: 0.5 },
  shape: [1, 2, 3],
  axes: 'zyx',
  spacing_mm: [1, 1, 1],
  spacing_order: 'xyz',
  affine: null,
  orientation: 'unknown',
  dtype: 'uint8',
  labels: [
    {
      id: 1,
      name: 'brain',
      color: '#000000',
      voxels: 1,
      volume_ml: 1,
      bbox: { min: [0, 0, 0], max: [1, 1, 1] },
      centroid: [0, 0, 0],
      present: true,
    },
  ],
  instance_label: 1,
  instances: { count: 1, voxels_min: 1, voxels_max: 1, voxels_total: 1 },
  intensity: { received: { dtype: 'uint8', min: 0, max: 1 }, applied: 'none' },
  prompts_used: false,
  seed: null,
  model_run: { axis: null, slice_batch_size: null, out_of_memory_count: null, device: null },
  attempt: 1,
  timings: {},
  warnings: [],
};

/** What is a map by the client's or our own names, and has no fields. */
const MAPS = ['params', 'timings'];

/** As a newer release may write it: every object has a field that nobody here knows. */
function fromTomorrow(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromTomorrow);
  if (typeof value !== 'object' || value === null) return value;
  const grown = Object.entries(value).map(([name, part]) => [name, MAPS.includes(name) ? part : fromTomorrow(part)]);
  return { ...Object.fromEntries(grown), since_tomorrow: { why: ['x'] } };
}

describe('what a newer release wrote, read by this one', () => {
  it('is a record with all its fields, at every depth', () => {
    const newer = fromTomorrow(RECORD);
    expect(storedJobRecordSchema.parse(newer)).toEqual(newer);
    expect(storedReportSchema.parse(fromTomorrow(REPORT))).toEqual(fromTomorrow(REPORT));
  });

  it('is metadata with the fields that this one documents', () => {
    expect(storedMetadataSchema.parse(fromTomorrow(METADATA))).toEqual(METADATA);
  });

  it('is what happened, as far as it is known here', () => {
    const happened: [z.ZodType, object][] = [
      [storedProgressSchema, { fraction: 0.5, step: 'segment', atMs: 1 }],
      [modelEndSchema, { cause: 'exited', exit_code: 0, started_at_ms: 1, ended_at_ms: 2 }],
      [stageInVerdictSchema, { result: 'ready', duration_ms: 1 }],
    ];
    for (const [schema, known] of happened) expect(schema.parse(fromTomorrow(known))).toEqual(known);
  });

  it('is refused where it says what to do: half an order makes a mask that looks right', () => {
    const task = { schema_version: 1, job_id: jobId, epoch: 1, model: METADATA.model, pool: 'cpu', shrunk: false };
    const orders: [z.ZodType, object][] = [
      [taskFileSchema, { ...task, model: RECORD.model, image_digest: null }],
      [
        jobFileSchema,
        {
          ...{ schema_version: 1, job_id: jobId, model: RECORD.model, params: {}, spacing_mm: null, affine: null },
          ...{ spacing_order: 'xyz', prompts: null, intensity: METADATA.intensity, warnings: [], created_at: '' },
          input: { bytes: 1, sha256, shape: [1, 2, 3], dtype: 'uint8' },
        },
      ],
    ];
    for (const [schema, known] of orders) {
      expect(schema.safeParse(known).success).toBe(true);
      expect(schema.safeParse({ ...known, since_tomorrow: 1 }).success).toBe(false);
    }
  });

  it('is refused as a whole once its form has another number', () => {
    expect(storedJobRecordSchema.safeParse({ ...RECORD, schemaVersion: 2 }).success).toBe(false);
    expect(storedReportSchema.safeParse({ ...REPORT, schema_version: 2 }).success).toBe(false);
    expect(storedMetadataSchema.safeParse({ ...METADATA, schema_version: 2 }).success).toBe(false);
  });
});

describe('a tolerant reader', () => {
  const STORED: [z.ZodType, Record<string, unknown>][] = [
    [storedJobRecordSchema, RECORD],
    [storedReportSchema, REPORT],
    [storedMetadataSchema, METADATA],
  ];

  it('refuses what is missing, or not of its kind, as before', () => {
    const optional = ['deletion', 'retention', 'expired', 'instances', 'model_run'];
    for (const [schema, whole] of STORED) {
      for (const name of Object.keys(whole)) {
        if (!optional.includes(name))
          expect([name, schema.safeParse({ ...whole, [name]: undefined }).success]).toEqual([name, false]);
        expect([name, schema.safeParse({ ...whole, [name]: Symbol('x') }).success]).toEqual([name, false]);
      }
    }
    const endless = Array.from({ length: 17 }, () => entry);
    expect(storedReportSchema.safeParse({ ...REPORT, manifest: endless }).success).toBe(false);
  });

  it('gives what an older release left out, anew each time', () => {
    const { deletion: _, retention: ___, expired: ____, ...older } = RECORD;
    expect(storedJobRecordSchema.parse(older)).toMatchObject({ deletion: null, retention: null, expired: [] });
    const { model_run: __, ...oldMetadata } = METADATA;
    const [one, other] = [storedMetadataSchema.parse(oldMetadata), storedMetadataSchema.parse(oldMetadata)];
    expect(one).toEqual(METADATA);
    expect(one.model_run).not.toBe(other.model_run);
  });

  it('leaves what this release writes strict', () => {
    for (const [schema, whole] of [
      [jobRecordSchema, RECORD],
      [reportSchema, REPORT],
      [metadataSchema, METADATA],
    ] as const) {
      expect(schema.parse(whole)).toEqual(whole);
      expect(schema.safeParse({ ...whole, since_tomorrow: 1 }).success).toBe(false);
    }
  });

  it('takes no key for a prototype', () => {
    const hostile: unknown = JSON.parse('{"a":1,"__proto__":{"polluted":true}}');
    for (const reader of [keepingUnknown, ignoringUnknown]) {
      const read = reader(z.strictObject({ a: z.int() })).parse(hostile);
      expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
      expect('polluted' in read).toBe(false);
    }
  });

  it('says where to add a kind of schema that it does not know', () => {
    expect(() => ignoringUnknown(z.strictObject({ a: z.date() }))).toThrow('tolerant-reader.ts');
  });
});
