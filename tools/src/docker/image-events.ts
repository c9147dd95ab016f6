import { DockerError } from './docker-error.ts';
import type { Log } from './host.ts';

/** What we read of the lines that pull, build and import answer with (Docker Engine API: JSON objects, one a line). */
export interface ImageEvent {
  stream?: string;
  status?: string;
  error?: string;
}

const LINE_CHARACTERS_MAX = 1_000_000;

/** The events of an answer as they come. Lines that are no JSON object are passed over. */
export async function* imageEvents(answer: NodeJS.ReadableStream): AsyncGenerator<ImageEvent> {
  answer.setEncoding('utf8');
  let rest = '';
  for await (const chunk of answer) {
    const lines = (rest + String(chunk)).split('\n');
    rest = (lines.pop() ?? '').slice(0, LINE_CHARACTERS_MAX);
    for (const line of lines) {
      const event = parseEvent(line);
      if (event !== undefined) yield event;
    }
  }
  const last = parseEvent(rest);
  if (last !== undefined) yield last;
}

/** The last lines that say why a build failed. */
const TAIL_LINES = 15;

/**
 * Follows a build to its end, and logs its steps. @param whatToDo makes the sentence of a failure of its last lines.
 * @throws DockerError `build_failed`
 */
export async function followBuild(
  answer: NodeJS.ReadableStream,
  { image, log, whatToDo }: { image: string; log: Log; whatToDo: (lastLines: string) => string },
): Promise<void> {
  const tail: string[] = [];
  for await (const event of imageEvents(answer)) {
    const text = event.error ?? event.stream ?? '';
    tail.push(...text.split('\n').filter((line) => line.trim() !== ''));
    tail.splice(0, tail.length - TAIL_LINES);
    const step = /^Step (\d+\/\d+) : (\w+)/.exec(text);
    if (step !== null) log(`${image}: step ${step[1]} ${step[2]}`);
    if (event.error !== undefined)
      throw new DockerError('build_failed', `Building ${image} failed: ${whatToDo(tail.join('\n'))}`);
  }
}

function parseEvent(line: string): ImageEvent | undefined {
  if (!line.trimStart().startsWith('{')) return undefined;
  try {
    const value: Readonly<Record<string, unknown>> = JSON.parse(line);
    const event: ImageEvent = {};
    for (const name of ['stream', 'status', 'error'] as const) {
      const text = value[name];
      if (typeof text === 'string') event[name] = text;
    }
    return event;
  } catch {
    return undefined;
  }
}
