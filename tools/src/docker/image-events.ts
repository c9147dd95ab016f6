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
