import type { LogTaps } from '@bpi/job-contract';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { ROUTE_PATHS } from '../http/route-path.ts';
import { PlatformGauges, type GaugeSources } from './platform-gauges.ts';
import { requestMetrics, type RequestLabels } from './request-metrics.ts';

/** The metrics of one API process, in a registry of its own; see docs/operations.md for what each means. */
export class ApiMetrics {
  /** Counts what passes through the log that it taps. */
  readonly taps: LogTaps;
  readonly #registry = new Registry();
  #gauges: PlatformGauges | null = null;
  #rendering: Promise<string> | null = null;

  constructor(labels: RequestLabels) {
    collectDefaultMetrics({ register: this.#registry });
    this.taps = requestMetrics(this.#registry, labels);
  }

  /** Says, once, where the figures of a moment come from. */
  watch(sources: GaugeSources): void {
    this.#gauges = new PlatformGauges(this.#registry, sources);
  }

  /** Prometheus's text format, version 0.0.4. One answer at a time: those who ask meanwhile get the same. */
  render(): Promise<string> {
    return (this.#rendering ??= this.#render().finally(() => (this.#rendering = null)));
  }

  async #render(): Promise<string> {
    await this.#gauges?.read();
    return this.#registry.metrics();
  }
}

/** What `startApi` needs to offer metrics there; null if they are offered nowhere. */
export function metricsOf(
  at: { host: string; port: number } | null,
  known: { models: readonly string[]; pools: readonly string[] },
): { book: ApiMetrics; pools: readonly string[]; at: { host: string; port: number } } | null {
  if (at === null) return null;
  const book = new ApiMetrics({ routes: ROUTE_PATHS, models: known.models });
  return { book, pools: known.pools, at };
}
