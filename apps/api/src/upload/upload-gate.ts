import { ProblemError } from '../http/problem-error.ts';

export type UploadGateLimits = {
  uploadsPerClientMax: number;
  uploadsMax: number;
  /** By the length that each upload declares; one without counts as the largest. */
  bytesInFlightPerClientMax: number;
  bytesInFlightMax: number;
};

export type UploadLoad = { uploads: number; bytes: number };

const NO_LOAD: UploadLoad = { uploads: 0, bytes: 0 };

/** Counts uploads under way with their checks, so that neither one client nor all together take every disk and thread. */
export class UploadGate {
  readonly #limits: UploadGateLimits;
  readonly #clients = new Map<string, UploadLoad>();
  #all = NO_LOAD;

  constructor(limits: UploadGateLimits) {
    this.#limits = limits;
  }

  get inFlight(): UploadLoad {
    return this.#all;
  }

  uploadsOf(clientId: string): number {
    return this.#clients.get(clientId)?.uploads ?? 0;
  }

  /**
   * Answers the function that leaves again. An upload that is alone is let in whatever its size.
   * @throws ProblemError `too_many_uploads`, `too_many_bytes` (the client's own doing), `uploads_busy` (everybody's)
   */
  enter(clientId: string, bytes: number): () => void {
    const own = this.#clients.get(clientId) ?? NO_LOAD;
    const { uploadsPerClientMax, uploadsMax, bytesInFlightPerClientMax, bytesInFlightMax } = this.#limits;
    if (own.uploads >= uploadsPerClientMax) throw new ProblemError('too_many_uploads');
    if (own.uploads > 0 && own.bytes + bytes > bytesInFlightPerClientMax) throw new ProblemError('too_many_bytes');
    const all = this.#all;
    if (all.uploads >= uploadsMax || (all.uploads > 0 && all.bytes + bytes > bytesInFlightMax)) {
      throw new ProblemError('uploads_busy');
    }
    this.#add(clientId, { uploads: 1, bytes });
    let isIn = true;
    return () => {
      if (isIn) this.#add(clientId, { uploads: -1, bytes: -bytes });
      isIn = false;
    };
  }

  #add(clientId: string, change: UploadLoad): void {
    this.#all = sum(this.#all, change);
    const own = sum(this.#clients.get(clientId) ?? NO_LOAD, change);
    if (own.uploads === 0) this.#clients.delete(clientId);
    else this.#clients.set(clientId, own);
  }
}

function sum(a: UploadLoad, b: UploadLoad): UploadLoad {
  return { uploads: a.uploads + b.uploads, bytes: a.bytes + b.bytes };
}
