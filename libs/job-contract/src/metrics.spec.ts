import { describe, expect, it } from '@jest/globals';
import { createLog, LOG_EVENTS, type Log } from './log.ts';
import { METRICS, METRICS_NAMESPACE, metricsNamespaceOf, withMetrics } from './metrics.ts';

const AT_MS = Date.UTC(2030, 0, 1);

function lineOf(say: (log: Log) => void): Record<string, unknown> {
  const lines: string[] = [];
  say(
    createLog(
      withMetrics((line) => lines.push(line)),
      () => AT_MS,
    ),
  );
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '');
}

describe('withMetrics', () => {
  it('counts an event, by the dimensions that it has', () => {
    const line = lineOf((log) => log('job.phase', { jobId: 'a', epoch: 1, from: 'running', to: 'completed' }));
    expect(line).toMatchObject({ event: 'job.phase', jobId: 'a', to: 'completed', PhaseChanges: 1 });
    expect(line['_aws']).toEqual({
      Timestamp: AT_MS,
      CloudWatchMetrics: [
        { Namespace: METRICS_NAMESPACE, Dimensions: [['to']], Metrics: [{ Name: 'PhaseChanges', Unit: 'Count' }] },
      ],
    });
  });

  it('counts a failure by whose fault it was, and nothing of the kind while nothing failed', () => {
    const failed = {
      jobId: 'a',
      epoch: 1,
      from: 'running',
      to: 'failed',
      code: 'model_error',
      fault: 'model',
    } as const;
    const line = lineOf((log) => log('job.phase', failed));
    expect(line).toMatchObject({ JobsFailed: 1, fault: 'model' });
    expect(
      lineOf((log) => log('job.phase', { jobId: 'a', epoch: 1, to: 'queued', code: 'platform_error' })),
    ).not.toHaveProperty('JobsFailed');
  });

  it('says whose metrics they are, where several environments share an account', () => {
    const lines: string[] = [];
    const write = withMetrics((line) => lines.push(line), metricsNamespaceOf('dev'));
    createLog(write, () => AT_MS)('job.unknown', { jobId: 'a' });
    expect(lines.join()).toContain('"Namespace":"BiomedParseInference/dev"');
  });

  it('takes the value of a field, and writes dimensions as text', () => {
    const line = lineOf((log) => log('http.request', { route: '/status/:job_id', status: 200, durationMs: 12.5 }));
    expect(line).toMatchObject({ RequestDuration: 12.5, Requests: 1, status: '200', route: '/status/:job_id' });
  });

  it('leaves a line without metrics, or without the value, as it is', () => {
    expect(lineOf((log) => log('service.started', { service: 'worker' }))).not.toHaveProperty('_aws');
    expect(lineOf((log) => log('sweep.done', {}))).not.toHaveProperty('_aws');
  });

  it('has rows only for fields that their events log', () => {
    for (const [event, rows] of Object.entries(METRICS)) {
      const fields: Record<string, unknown> = Object.entries(LOG_EVENTS).find(([name]) => name === event)?.[1] ?? {};
      for (const row of rows) {
        const counted = 'countedWith' in row ? [row.countedWith] : [];
        const used = [...row.dimensions, ...counted, ...('field' in row ? [row.field] : [])];
        for (const field of used) expect(Object.keys(fields)).toContain(field);
      }
    }
  });

  it('uses no id as a dimension: every combination of values is paid for', () => {
    const dimensions = Object.values(METRICS).flatMap((rows) =>
      rows.flatMap((row): readonly string[] => row.dimensions),
    );
    expect(dimensions.filter((name) => /id$/i.test(name))).toEqual([]);
  });
});
