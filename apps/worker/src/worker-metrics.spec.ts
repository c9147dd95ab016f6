import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { withTaps, type Log } from '@bpi/job-contract';
import { WorkerMetrics } from './worker-metrics.ts';

const JOB = { jobId: 'j', epoch: 1 };

async function countedBy(say: (log: Log) => void): Promise<string[]> {
  const metrics = new WorkerMetrics();
  say(withTaps(() => {}, metrics.taps));
  return (await metrics.render()).split('\n');
}

describe('the metrics of a worker', () => {
  it('count attempts and ended jobs by whose fault it was, and the time of each phase', async () => {
    const lines = await countedBy((log) => {
      log('job.phase', { ...JOB, from: 'queued', to: 'launching', phaseMs: 4_000 });
      log('job.phase', { ...JOB, from: 'launching', to: 'running', phaseMs: 2_000 });
      log('job.phase', { ...JOB, from: 'running', to: 'queued', code: 'capacity_interrupted', phaseMs: 9_000 });
      log('job.phase', { ...JOB, from: 'running', to: 'completed', phaseMs: 9_000, totalMs: 40_000 });
      const fault = { code: 'cancelled', fault: 'user' } as const;
      log('job.phase', { ...JOB, from: 'queued', to: 'failed', ...fault, phaseMs: 1_000, totalMs: 1_000 });
      log('task.stage', { ...JOB, stage: 'stage-out', durationMs: 700, exitCode: 0 });
    });
    expect(lines).toEqual(
      expect.arrayContaining([
        'bpi_attempts_total{fault="capacity",code="capacity_interrupted"} 1',
        'bpi_attempts_total{fault="none",code="none"} 1',
        'bpi_jobs_ended_total{fault="none",code="none"} 1',
        'bpi_jobs_ended_total{fault="user",code="cancelled"} 1',
        'bpi_phase_duration_seconds_sum{phase="queued"} 5',
        'bpi_phase_duration_seconds_count{phase="running"} 2',
        'bpi_phase_duration_seconds_bucket{le="10",phase="running"} 2',
        'bpi_job_duration_seconds_sum{outcome="completed"} 40',
        'bpi_stage_duration_seconds_count{stage="stage-out"} 1',
      ]),
    );
    // A job that failed while it waited had no attempt that ended.
    expect(lines.filter((line) => line.startsWith('bpi_attempts_total'))).toHaveLength(2);
  });

  it('count what went wrong, from the first scrape on', async () => {
    const lines = await countedBy((log) => {
      log('advance.failed', { jobId: 'j', errorName: 'error' });
      log('task.orphan', JOB);
      log('task.refused', { ...JOB, code: 'model_unavailable' });
    });
    expect(lines).toEqual(
      expect.arrayContaining([
        'bpi_advances_failed_total 1',
        'bpi_orphans_stopped_total 1',
        'bpi_loops_failed_total 0',
        'bpi_records_unreadable_total 0',
        'bpi_launches_refused_total{code="model_unavailable"} 1',
      ]),
    );
  });

  it('take no value as a label that is not of their lists', async () => {
    const lines = await countedBy((log) => {
      // As a bug would: what a client or a model wrote.
      const loose = log as (event: string, fields: object) => void;
      const word = 'mustermann';
      loose('job.phase', { from: word, to: word, code: word, fault: word, phaseMs: 1, totalMs: 1 });
      loose('job.phase', { from: 'running', to: 'failed', code: word, fault: word, phaseMs: 1, totalMs: 1 });
      loose('task.stage', { stage: word, durationMs: 1 });
      loose('task.refused', { code: word });
      loose('job.phase', {});
    });
    expect(lines.filter((line) => line.includes('mustermann'))).toEqual([]);
    expect(lines).toContain('bpi_attempts_total{fault="other",code="other"} 1');
  });

  it('are each process’s own', async () => {
    await countedBy((log) => log('task.orphan', JOB));
    expect(await countedBy(() => {})).toContain('bpi_orphans_stopped_total 0');
  });

  it('are all explained in the operator’s manual, and it explains none that is not there', async () => {
    const types = (await countedBy(() => {})).flatMap((line) => /^# TYPE (bpi_\w+) /.exec(line)?.[1] ?? []);
    const manual = await readFile(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8');
    const explained = [...manual.matchAll(/^\| `(bpi_\w+)` \| worker /gm)].map(([, name]) => name);
    expect(types.sort()).toEqual(explained.sort());
  });
});
