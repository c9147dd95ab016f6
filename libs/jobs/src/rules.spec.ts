import { describe, expect, it } from '@jest/globals';
import { aJob, aLaunchingJob, POLICY } from './a-job.ts';
import { mayLaunch } from './rules.ts';

const soon = { nowMs: 10_050, monotonicMs: 150, loadedAtMs: 100 };

describe('mayLaunch', () => {
  it('allows a launch within lease and window', () => {
    expect(mayLaunch(aLaunchingJob(), soon, POLICY)).toBe(true);
  });

  it('refuses one when the lease is over, however early by the wall clock', () => {
    expect(mayLaunch(aLaunchingJob(), { ...soon, monotonicMs: 199 }, POLICY)).toBe(true);
    expect(mayLaunch(aLaunchingJob(), { ...soon, monotonicMs: 200 }, POLICY)).toBe(false);
  });

  it('refuses one when the window since the claim is over', () => {
    expect(mayLaunch(aLaunchingJob(), { ...soon, nowMs: 15_000 }, POLICY)).toBe(false);
  });

  it('refuses one after an intent, after a cancellation and without a claim', () => {
    expect(mayLaunch(aLaunchingJob({ intent: { code: 'cancelled', atMs: 1 } }), soon, POLICY)).toBe(false);
    expect(mayLaunch(aLaunchingJob({}, { cancelRequestedAtMs: 1 }), soon, POLICY)).toBe(false);
    expect(mayLaunch(aJob(), soon, POLICY)).toBe(false);
  });
});
