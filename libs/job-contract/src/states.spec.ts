import { describe, expect, it } from '@jest/globals';
import { mermaidOfTransitions } from './states-diagram.ts';
import { holdsSlot, isTerminal, PHASES, STATUSES, statusOf, TRANSITIONS, type Phase, type Status } from './states.ts';

describe('the life of a job', () => {
  it('has no way out of a terminal phase, and one to an end from every other', () => {
    for (const phase of PHASES) {
      const ways = TRANSITIONS.filter(({ from }) => from === phase);
      expect(ways.length === 0).toBe(isTerminal(phase));
      if (!isTerminal(phase)) expect(ways.some(({ to }) => to === 'failed')).toBe(true);
    }
  });

  it('says about slots what holdsSlot says about phases', () => {
    for (const { from, to, slot } of TRANSITIONS) {
      const expected = holdsSlot(from) === holdsSlot(to) ? 'keep' : holdsSlot(from) ? 'free' : 'take';
      expect(slot).toBe(expected);
    }
  });

  it('never lets the status go back, whatever the transitions', () => {
    type Seen = { phase: Phase; firstRunningAtMs: number | null };
    const rank = (status: Status): number => Math.min(STATUSES.indexOf(status), 2);
    const open: Seen[] = [{ phase: 'queued', firstRunningAtMs: null }];
    const known = new Set<string>();
    for (let job = open.pop(); job !== undefined; job = open.pop()) {
      if (known.has(JSON.stringify(job))) continue;
      known.add(JSON.stringify(job));
      for (const { from, to } of TRANSITIONS) {
        if (from !== job.phase) continue;
        const next: Seen = { phase: to, firstRunningAtMs: to === 'running' ? 1 : job.firstRunningAtMs };
        expect(rank(statusOf(next))).toBeGreaterThanOrEqual(rank(statusOf(job)));
        open.push(next);
      }
    }
    expect(known.size).toBeGreaterThan(PHASES.length);
  });

  it('shows a waiting retry as running', () => {
    expect(statusOf({ phase: 'queued', firstRunningAtMs: null })).toBe('pending');
    expect(statusOf({ phase: 'launching', firstRunningAtMs: null })).toBe('pending');
    expect(statusOf({ phase: 'queued', firstRunningAtMs: 1 })).toBe('running');
  });

  it('draws each transition once', () => {
    const lines = mermaidOfTransitions().split('\n');
    expect(lines[0]).toBe('stateDiagram-v2');
    expect(lines).toHaveLength(2 + TRANSITIONS.length + 2);
    expect(lines).toContain('  queued --> launching: claim (take slot)');
    expect(new Set(lines).size).toBe(lines.length);
  });
});
