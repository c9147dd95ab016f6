import { describe, expect, it } from '@jest/globals';
import { isJobId, jobIdSchema } from './ids.ts';
import {
  ARTIFACT_NAMES,
  attemptArtifactKey,
  inputKey,
  isArtifactName,
  jobFileKey,
  jobIdOfKey,
  jobPrefix,
  logsKey,
  OBJECT_KINDS,
  objectKind,
  publishedKey,
  reportKey,
} from './keys.ts';

const jobId = jobIdSchema.parse('0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203');

describe('the layout', () => {
  it('is the one that the requirement calls mandatory, plus attempts', () => {
    const root = `jobs/${jobId}`;
    expect(inputKey(jobId)).toBe(`${root}/input/input.npz`);
    expect(jobFileKey(jobId)).toBe(`${root}/input/job.json`);
    expect(attemptArtifactKey(jobId, 2, 'pred_mask.npz')).toBe(`${root}/attempts/2/output/pred_mask.npz`);
    expect(reportKey(jobId, 2)).toBe(`${root}/attempts/2/report.json`);
    expect(logsKey(jobId, 2)).toBe(`${root}/attempts/2/logs.txt`);
    expect(ARTIFACT_NAMES.map((name) => publishedKey(jobId, name))).toEqual([
      `${root}/output/pred_mask.npz`,
      `${root}/output/pred_mask.nii.gz`,
      `${root}/output/preview.png`,
      `${root}/metadata.json`,
    ]);
  });

  it('gives every object a key of its own under the job’s prefix', () => {
    const keys = [
      ...ARTIFACT_NAMES.flatMap((name) => [
        publishedKey(jobId, name),
        ...[1, 2].map((epoch) => attemptArtifactKey(jobId, epoch, name)),
      ]),
      ...[1, 2].flatMap((epoch) => [reportKey(jobId, epoch), logsKey(jobId, epoch)]),
      inputKey(jobId),
      jobFileKey(jobId),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) {
      expect(key.startsWith(jobPrefix(jobId))).toBe(true);
      expect(jobIdOfKey(key)).toBe(jobId);
    }
  });

  it('says of every object what kind it is, and of nothing else', () => {
    const ofAttempt = [attemptArtifactKey(jobId, 1, 'metadata.json'), reportKey(jobId, 12), logsKey(jobId, 1)];
    const published = ARTIFACT_NAMES.map((name) => publishedKey(jobId, name));
    expect([inputKey(jobId), jobFileKey(jobId)].map(objectKind)).toEqual(['input', 'input']);
    expect(ofAttempt.map(objectKind)).toEqual(['result', 'attempt', 'attempt']);
    expect(published.map(objectKind)).toEqual(['result', 'result', 'result', 'result']);
    expect(new Set([inputKey(jobId), ...ofAttempt, ...published].map(objectKind))).toEqual(new Set(OBJECT_KINDS));
    for (const other of [
      'input/input.npz',
      `x/${inputKey(jobId)}`,
      'jobs/input/x',
      jobPrefix(jobId),
      'metadata.json',
    ]) {
      expect(objectKind(other)).toBeNull();
    }
    for (const other of ['inputs/x', 'status.txt', 'metadata.json/x', 'x/input/y']) {
      expect(objectKind(`${jobPrefix(jobId)}${other}`)).toBeNull();
    }
  });

  it('knows its own names and ids only', () => {
    expect(isArtifactName('preview.png')).toBe(true);
    expect(isArtifactName('toString')).toBe(false);
    expect(isArtifactName('../metadata.json')).toBe(false);
    expect(jobIdOfKey('jobs/x/input/input.npz')).toBeNull();
    for (const bad of [jobId.toUpperCase(), `${jobId}\n`, '0b5a6c1e-7d2f-1a3b-8c4d-5e6f70819203', '', '../x']) {
      expect(isJobId(bad)).toBe(false);
      expect(jobIdSchema.safeParse(bad).success).toBe(false);
    }
  });
});
