import { labelOf, PROBLEM_CODES, statusClassOf, type LogTaps } from '@bpi/job-contract';
import { Counter, Histogram, type Registry } from 'prom-client';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const STATUS_ACCEPTED = 202;

/** What the labels of requests may be: nothing that a client sent can become one. */
export type RequestLabels = { routes: readonly string[]; models: readonly string[] };

/** Counts requests, uploads and jobs by what the log says of them. */
export function requestMetrics(registry: Registry, { routes, models }: RequestLabels): LogTaps {
  const registers = [registry];
  const durations = new Histogram({
    name: 'bpi_http_request_duration_seconds',
    help: 'Requests by the pattern of their route and the class of their status.',
    labelNames: ['route', 'status_class'],
    buckets: SECONDS,
    registers,
  });
  const problems = new Counter({
    name: 'bpi_problems_total',
    help: 'Requests that were answered with a problem, by its code.',
    labelNames: ['code'],
    registers,
  });
  const uploads = new Counter({
    name: 'bpi_uploads_total',
    help: 'POST /infer by its outcome: accepted, or the code of the problem.',
    labelNames: ['outcome'],
    registers,
  });
  const uploadBytes = new Counter({
    name: 'bpi_upload_bytes_total',
    help: 'Bytes of the files of accepted uploads.',
    registers,
  });
  const submitted = new Counter({
    name: 'bpi_jobs_submitted_total',
    help: 'New jobs by model; a repeated request makes none.',
    labelNames: ['model'],
    registers,
  });
  return {
    'http.request': ({ route, method, status, code, durationMs }) => {
      const labels = { route: labelOf(route, routes), status_class: statusClassOf(status) };
      durations.observe(labels, (durationMs ?? 0) / 1_000);
      if (code !== undefined) problems.inc({ code: labelOf(code, PROBLEM_CODES) });
      if (route !== '/infer' || method !== 'post') return;
      uploads.inc({ outcome: status === STATUS_ACCEPTED ? 'accepted' : labelOf(code, PROBLEM_CODES) });
    },
    'job.submitted': ({ model, bytes, replayed }) => {
      uploadBytes.inc(bytes ?? 0);
      if (replayed !== true) submitted.inc({ model: labelOf(model, models) });
    },
  };
}
