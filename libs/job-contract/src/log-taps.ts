import { errorFields, type Log, type LogEvent, type LogFields } from './log.ts';

/** What is done with some events besides writing them: counting, for metrics. */
export type LogTaps = { readonly [E in LogEvent]?: (fields: LogFields<E>) => void };

/** A log that also shows each event to its tap, so that nothing is instrumented twice. */
export function withTaps(log: Log, taps: LogTaps): Log {
  return (event, fields) => {
    log(event, fields);
    try {
      tapOf(taps, event)?.(fields ?? {});
    } catch (error) {
      // Whoever logs does not expect to fail by it, least of all by a count.
      log('loop.failed', { loop: 'metrics', ...errorFields(error) });
    }
  };
}

function tapOf<E extends LogEvent>(taps: LogTaps, event: E): ((fields: LogFields<E>) => void) | undefined {
  return taps[event];
}

/** A metric's label: one of a closed list, whatever was logged. Every other value is the same one. */
export function labelOf(value: string | undefined, values: readonly string[]): string {
  return value !== undefined && values.includes(value) ? value : 'other';
}

/** The class of an HTTP status, such as `2xx`. */
export function statusClassOf(status: number | undefined): string {
  return labelOf(`${Math.floor((status ?? 0) / 100)}xx`, ['1xx', '2xx', '3xx', '4xx', '5xx']);
}
