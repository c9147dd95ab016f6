import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '../http/problem-error.ts';
import { UploadGate } from './upload-gate.ts';

const LIMITS = { uploadsPerClientMax: 2, uploadsMax: 3, bytesInFlightPerClientMax: 100, bytesInFlightMax: 150 };

/** The code of the refusal, or that there was none. */
function tried(enter: () => unknown): string {
  try {
    enter();
    return 'entered';
  } catch (error) {
    if (error instanceof ProblemError) return error.code;
    throw error;
  }
}

describe('the gate of uploads', () => {
  it('counts those of each client, and leaves the others alone', () => {
    const gate = new UploadGate(LIMITS);
    const leave = gate.enter('a', 1);
    gate.enter('a', 1);
    expect(tried(() => gate.enter('a', 1))).toBe('too_many_uploads');
    expect(tried(() => gate.enter('b', 1))).toBe('entered');
    expect([gate.uploadsOf('a'), gate.uploadsOf('b'), gate.uploadsOf('c')]).toEqual([2, 1, 0]);
    leave();
    expect(tried(() => gate.enter('a', 1))).toBe('entered');
  });

  it('counts the bytes of each client, up to exactly the limit', () => {
    const gate = new UploadGate(LIMITS);
    gate.enter('a', 40);
    expect(tried(() => gate.enter('a', 61))).toBe('too_many_bytes');
    expect(tried(() => gate.enter('a', 60))).toBe('entered');
  });

  it('counts all of them together, which is nobody’s own doing', () => {
    const gate = new UploadGate(LIMITS);
    gate.enter('a', 90);
    expect(tried(() => gate.enter('b', 61))).toBe('uploads_busy');
    for (const client of ['b', 'c']) gate.enter(client, 1);
    expect(tried(() => gate.enter('d', 1))).toBe('uploads_busy');
  });

  it('lets an upload in that is alone, whatever its size', () => {
    const gate = new UploadGate(LIMITS);
    const leave = gate.enter('a', 1_000);
    expect(tried(() => gate.enter('b', 1))).toBe('uploads_busy');
    leave();
    expect(tried(() => gate.enter('b', 1))).toBe('entered');
  });

  it('forgets who left, counts nobody who was refused, and leaves once', () => {
    const gate = new UploadGate(LIMITS);
    const leave = [gate.enter('a', 60), gate.enter('b', 60)];
    expect(tried(() => gate.enter('c', 60))).toBe('uploads_busy');
    expect(gate.inFlight).toEqual({ uploads: 2, bytes: 120 });
    for (const one of [...leave, ...leave]) one();
    expect(gate.inFlight).toEqual({ uploads: 0, bytes: 0 });
    expect([gate.uploadsOf('a'), gate.uploadsOf('b')]).toEqual([0, 0]);
  });
});
