import { describe, expect, it } from '@jest/globals';
import { jobIdSchema, type StatusBody } from '@bpi/job-contract';
import { progressLine } from './progress-bar.ts';

const status = (given: Partial<StatusBody>): StatusBody => ({
  job_id: jobIdSchema.parse('00000000-0000-4000-8000-000000000001'),
  model: { name: 'brain-mri', version: '1.0.0' },
  status: 'running',
  phase: 'running',
  attempt: 1,
  cancel_requested: false,
  created_at: '2026-11-21T00:00:00.000Z',
  ...given,
});

describe('a progress line', () => {
  it('shows fraction, phase and step', () => {
    const line = progressLine(status({ progress: { fraction: 0.5, step: 'segment' } }), 1_300);
    expect(line).toBe(`${'█'.repeat(15)}${'░'.repeat(15)}  50 %  running · segment  1.3 s`);
  });

  it('says what a job waits for', () => {
    expect(progressLine(status({ status: 'pending', phase: 'queued', waiting_for: 'slot' }), 0)).toContain(
      '  0 %  queued · waiting for slot',
    );
  });

  it('is full when the job is completed, and names a second attempt', () => {
    expect(progressLine(status({ status: 'completed', phase: 'completed', attempt: 2 }), 4_000)).toContain(
      '100 %  completed  4.0 s  attempt 2',
    );
  });
});
