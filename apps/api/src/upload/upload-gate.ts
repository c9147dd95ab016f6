import { ProblemError } from '../http/problem-error.ts';

/** Counts the uploads of each client, so that one client cannot take every disk, thread and connection. */
export class UploadGate {
  readonly #perClientMax: number;
  readonly #uploads = new Map<string, number>();

  constructor(perClientMax: number) {
    this.#perClientMax = perClientMax;
  }

  /** Answers the function that leaves again. @throws ProblemError `too_many_uploads` */
  enter(clientId: string): () => void {
    const uploads = this.#uploads.get(clientId) ?? 0;
    if (uploads >= this.#perClientMax) throw new ProblemError('too_many_uploads', { headers: { 'Retry-After': '2' } });
    this.#uploads.set(clientId, uploads + 1);
    return () => {
      const left = (this.#uploads.get(clientId) ?? 1) - 1;
      if (left === 0) this.#uploads.delete(clientId);
      else this.#uploads.set(clientId, left);
    };
  }
}
