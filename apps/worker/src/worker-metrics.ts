import { FAILURE_CODES, faultOf, holdsSlot, labelOf, PHASES, type LogFields, type LogTaps } from '@bpi/job-contract';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

const PHASE_SECONDS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400];
const STAGE_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const STAGES = ['stage-in', 'stage-out'];
/** The label of what went well. */
const NONE = 'none';

/** The metrics of one worker process, in a registry of its own; see docs/operations.md for what each means. */
export class WorkerMetrics {
  /** Counts what passes through the log that it taps. */
  readonly taps: LogTaps;
  readonly #registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.taps = { ...jobMetrics(this.#registry), ...troubleMetrics(this.#registry) };
  }

  /** Prometheus's text format, version 0.0.4. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }
}

function jobMetrics(registry: Registry): LogTaps {
  const registers = [registry];
  const phases = new Histogram({
    name: 'bpi_phase_duration_seconds',
    help: 'Time that jobs were in a phase, when they left it.',
    labelNames: ['phase'],
    buckets: PHASE_SECONDS,
    registers,
  });
  const jobs = new Histogram({
    name: 'bpi_job_duration_seconds',
    help: 'Time from the acceptance of a job to its end, by how it ended.',
    labelNames: ['outcome'],
    buckets: PHASE_SECONDS,
    registers,
  });
  const outcome = { labelNames: ['fault', 'code'] as const, registers };
  const ended = new Counter({ name: 'bpi_jobs_ended_total', help: 'Jobs that ended; none = completed.', ...outcome });
  const attempts = new Counter({
    name: 'bpi_attempts_total',
    help: 'Attempts that ended; none = published.',
    ...outcome,
  });
  const stages = new Histogram({
    name: 'bpi_stage_duration_seconds',
    help: 'Time that the stager took, on one machine; on AWS its own log says it.',
    labelNames: ['stage'],
    buckets: STAGE_SECONDS,
    registers,
  });
  return {
    'job.phase': (fields) => {
      const { from, to, phaseMs, totalMs } = fields;
      if (phaseMs !== undefined) phases.observe({ phase: labelOf(from, PHASES) }, phaseMs / 1_000);
      if (totalMs !== undefined) {
        jobs.observe({ outcome: labelOf(to, PHASES) }, totalMs / 1_000);
        ended.inc(outcomeOf(fields));
      }
      if (from !== undefined && holdsSlot(from) && to !== undefined && !holdsSlot(to)) attempts.inc(outcomeOf(fields));
    },
    'task.stage': ({ stage, durationMs }) =>
      stages.observe({ stage: labelOf(stage, STAGES) }, (durationMs ?? 0) / 1_000),
  };
}

/** A retry says its code and not whose fault it was, a publication neither. */
function outcomeOf({ to, code }: LogFields<'job.phase'>): { fault: string; code: string } {
  if (to === 'completed') return { fault: NONE, code: NONE };
  const known = FAILURE_CODES.find((one) => one === code);
  return { fault: known === undefined ? 'other' : faultOf(known), code: known ?? 'other' };
}

function troubleMetrics(registry: Registry): LogTaps {
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const advances = counter('bpi_advances_failed_total', 'Looks at a job that failed; the job is as it was.');
  const loops = counter('bpi_loops_failed_total', 'Rounds of the worker’s loops that failed, or hang.');
  const orphans = counter('bpi_orphans_stopped_total', 'Tasks of no current attempt that were stopped.');
  const unreadable = counter('bpi_records_unreadable_total', 'Records that could not be read, each time one was met.');
  const refused = new Counter({
    name: 'bpi_launches_refused_total',
    help: 'Launches that the runner refused, by why.',
    labelNames: ['code'],
    registers: [registry],
  });
  return {
    'advance.failed': () => advances.inc(),
    'loop.failed': () => loops.inc(),
    'task.orphan': () => orphans.inc(),
    'record.unreadable': () => unreadable.inc(),
    'task.refused': ({ code }) => refused.inc({ code: labelOf(code, FAILURE_CODES) }),
  };
}
