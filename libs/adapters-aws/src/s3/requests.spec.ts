import { describe, expect, it } from '@jest/globals';
import {
  completeInput,
  copyInput,
  createInput,
  deleteInput,
  getInput,
  linkSeconds,
  listInput,
  partInput,
  putInput,
  type ObjectWrite,
} from './requests.ts';

const content = Buffer.from('abc');
const part = { number: 1, start: 0, bytes: 3, sha256: 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=' };
const source = {
  bytes: 3,
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  parts: [part],
  read: async () => content,
  close: async () => {},
};
const write: ObjectWrite = { bucket: 'b', key: 'jobs/a', source, writeId: 'w', ifAbsent: true };
const place = { Bucket: 'b', Key: 'jobs/a' };
const Metadata = { sha256: source.sha256, 'write-id': 'w' };

describe('requests to S3', () => {
  it('put an object whole, with its digest twice: one for S3 to check, one to keep', () => {
    expect(putInput(write, part, content)).toEqual({
      ...place,
      IfNoneMatch: '*',
      Metadata,
      Body: content,
      ContentLength: 3,
      ChecksumSHA256: part.sha256,
    });
    expect(putInput({ ...write, ifAbsent: false }, part, content)).not.toHaveProperty('IfNoneMatch');
  });

  it('put an object in parts, with the condition at the end', () => {
    const checksum = { ChecksumAlgorithm: 'SHA256', ChecksumType: 'COMPOSITE' };
    expect(createInput(write)).toEqual({ ...place, Metadata, ...checksum });
    expect(partInput(write, 'u', part, content)).toEqual({
      ...place,
      UploadId: 'u',
      PartNumber: 1,
      Body: content,
      ContentLength: 3,
      ChecksumSHA256: part.sha256,
    });
    const Parts = [{ PartNumber: 1, ETag: '"e"', ChecksumSHA256: part.sha256 }];
    const end = { ...place, UploadId: 'u', MultipartUpload: { Parts }, MpuObjectSize: 3 };
    expect(completeInput(write, 'u', Parts)).toEqual({ ...end, IfNoneMatch: '*' });
    expect(completeInput({ ...write, ifAbsent: false }, 'u', Parts)).toEqual(end);
  });

  it('say of what kind the object is, which the lifecycle of the bucket goes by', () => {
    const ofKey = (key: string) => ({ ...write, key });
    const input = ofKey('jobs/a/input/input.npz');
    expect(putInput(input, part, content)).toMatchObject({ Tagging: 'kind=input' });
    expect(createInput(ofKey('jobs/a/attempts/1/logs.txt'))).toMatchObject({ Tagging: 'kind=attempt' });
    const copy = copyInput('b', 'jobs/a/attempts/1/output/metadata.json', 'jobs/a/metadata.json');
    expect(copy).toMatchObject({ Tagging: 'kind=result', TaggingDirective: 'REPLACE' });
    const whole = [partInput(input, 'u', part, content), completeInput(input, 'u', [])];
    for (const untagged of [...whole, putInput(ofKey('probe/x'), part, content)]) {
      expect(untagged).not.toHaveProperty('Tagging');
    }
  });

  it("say nothing about encryption, which is the bucket's own", () => {
    const names = [putInput(write, part, content), createInput(write), copyInput('b', 'x', 'y')].flatMap(Object.keys);
    expect(names.filter((name) => /encrypt|kms|acl/i.test(name))).toEqual([]);
  });

  it('get a range, and refuse one that cannot be', () => {
    expect(getInput('b', 'k', undefined)).toEqual({ Bucket: 'b', Key: 'k' });
    expect(getInput('b', 'k', { start: 2, end: 4 })).toEqual({ Bucket: 'b', Key: 'k', Range: 'bytes=2-4' });
    expect(() => getInput('b', 'k', { start: 2, end: 1 })).toThrow(RangeError);
    expect(() => getInput('b', 'k', { start: -1, end: 1 })).toThrow(RangeError);
  });

  it('copy, list and delete within the bucket', () => {
    const copy = { Bucket: 'b', Key: 'jobs/y', CopySource: 'b/jobs/x', TaggingDirective: 'REPLACE' };
    expect(copyInput('b', 'jobs/x', 'jobs/y')).toEqual(copy);
    expect(listInput('b', 'jobs/', undefined)).toEqual({ Bucket: 'b', Prefix: 'jobs/', MaxKeys: 1_000 });
    expect(listInput('b', 'jobs/', 'n')).toMatchObject({ ContinuationToken: 'n' });
    const Objects = [{ Key: 'jobs/x' }, { Key: 'jobs/y' }];
    expect(deleteInput('b', ['jobs/x', 'jobs/y'])).toEqual({ Bucket: 'b', Delete: { Objects, Quiet: true } });
  });

  it.each([
    [1_000, 1],
    [1_999, 1],
    [3_600_000, 3_600],
  ])('let a link of %i ms last %i s', (ttlMs, seconds) => {
    expect(linkSeconds(ttlMs)).toBe(seconds);
  });
});
