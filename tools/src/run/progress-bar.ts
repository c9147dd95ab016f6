import type { StatusBody } from '@bpi/job-contract';

const WIDTH = 30;

/** One line that shows where a job is: `██████░░░░  42 %  running · segment  1.3 s`. */
export function progressLine(status: StatusBody, elapsedMs: number): string {
  const fraction = status.status === 'completed' ? 1 : (status.progress?.fraction ?? 0);
  const filled = Math.round(fraction * WIDTH);
  const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
  const doing = status.waiting_for === undefined ? status.progress?.step : `waiting for ${status.waiting_for}`;
  const words = [status.phase, ...(doing === undefined || status.status === 'completed' ? [] : [doing])].join(' · ');
  const attempt = status.attempt > 1 ? `  attempt ${status.attempt}` : '';
  return `${bar} ${String(Math.round(fraction * 100)).padStart(3)} %  ${words}  ${(elapsedMs / 1000).toFixed(1)} s${attempt}`;
}

/** Redraws one line on a terminal; elsewhere prints a line whenever the words change. */
export class ProgressBar {
  readonly #out: NodeJS.WriteStream;
  #words = '';

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show(status: StatusBody, elapsedMs: number): void {
    const line = progressLine(status, elapsedMs);
    if (this.#out.isTTY) {
      this.#out.write(`\r\x1b[2K${line}`);
      return;
    }
    const words = `${status.phase} ${status.progress?.step ?? ''} ${status.waiting_for ?? ''}`;
    if (words !== this.#words) this.#out.write(`${line}\n`);
    this.#words = words;
  }

  end(): void {
    if (this.#out.isTTY) this.#out.write('\n');
  }
}
