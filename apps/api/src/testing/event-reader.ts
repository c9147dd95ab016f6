export type Frame = { event: string; id: string | null; data: unknown };

/** Reads server-sent events as they come. */
export class EventReader {
  readonly response: Response;
  readonly #controller: AbortController;
  text = '';
  isEnded = false;

  private constructor(response: Response, controller: AbortController) {
    this.response = response;
    this.#controller = controller;
    void this.#read();
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const controller = new AbortController();
    const response = await fetch(url, { headers, signal: controller.signal });
    return new EventReader(response, controller);
  }

  /** Whole ones only. */
  get frames(): Frame[] {
    return this.text
      .split('\n\n')
      .slice(0, -1)
      .filter((block) => block.includes('data:'))
      .map((block) => {
        const fields = new Map(
          block.split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(':') + 2)]),
        );
        return {
          event: fields.get('event') ?? '',
          id: fields.get('id') ?? null,
          data: JSON.parse(fields.get('data') ?? ''),
        };
      });
  }

  get ids(): string[] {
    return this.frames.flatMap(({ id }) => (id === null ? [] : [id]));
  }

  get comments(): number {
    return this.text.split('\n').filter((line) => line.startsWith(':')).length;
  }

  leave(): void {
    this.#controller.abort();
  }

  /** A stream that was cut off is not an ended one. */
  async #read(): Promise<void> {
    try {
      const decoder = new TextDecoder();
      for await (const chunk of this.response.body ?? []) this.text += decoder.decode(chunk, { stream: true });
      this.isEnded = true;
    } catch {
      this.isEnded = false;
    }
  }
}
