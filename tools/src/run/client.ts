/** What a client of the platform does: submit, poll, download. Plain fetch, so that it reads as documentation. */
import { createHash } from 'node:crypto';
import { createWriteStream, openAsBlob } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  problemSchema,
  resultBodySchema,
  statusBodySchema,
  submittedSchema,
  type ResultBody,
  type StatusBody,
  type Submitted,
} from '@bpi/job-contract';

/** The API's own sentence about what went wrong. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly code: string;
  constructor(code: string, title: string) {
    super(title);
    this.code = code;
  }
}

export type InferRequest = {
  inputPath: string;
  model: string;
  params?: Record<string, unknown>;
  geometry?: unknown;
  idempotencyKey?: string;
};

const FOLLOW_WAIT_S = 1;

export class Client {
  readonly url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, apiKey: string | null) {
    this.url = url;
    this.#headers = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  }

  async infer(request: InferRequest): Promise<Submitted> {
    const form = new FormData();
    form.set('model', request.model);
    if (request.params !== undefined) form.set('params', JSON.stringify(request.params));
    if (request.geometry !== undefined) form.set('geometry', JSON.stringify(request.geometry));
    form.set('file', await openAsBlob(request.inputPath), 'input.npz');
    const key = request.idempotencyKey === undefined ? {} : { 'idempotency-key': request.idempotencyKey };
    const answer = await fetch(`${this.url}/infer`, {
      method: 'POST',
      body: form,
      headers: { ...this.#headers, ...key },
    });
    return submittedSchema.parse(await bodyOf(answer));
  }

  async status(jobId: string): Promise<StatusBody> {
    return statusBodySchema.parse(await bodyOf(await this.#get(`/status/${jobId}`)));
  }

  /**
   * The status of a job each time that it is another one, until it has ended; at least once a second, so that a clock beside
   * it goes on. The API holds each request until there is something to tell.
   */
  async *follow(jobId: string): AsyncGenerator<StatusBody> {
    let etag = '"none yet"';
    let status: StatusBody | null = null;
    while (status?.ended_at === undefined) {
      const answer = await this.#get(`/status/${jobId}?wait=${FOLLOW_WAIT_S}`, { 'if-none-match': etag });
      if (answer.status !== 304) {
        etag = answer.headers.get('etag') ?? etag;
        status = statusBodySchema.parse(await bodyOf(answer));
      }
      if (status !== null) yield status;
    }
  }

  /** Asks for the end of a job; its status says when it has ended. */
  async cancel(jobId: string): Promise<StatusBody> {
    const answer = await fetch(`${this.url}/jobs/${jobId}/cancel`, { method: 'POST', headers: this.#headers });
    return statusBodySchema.parse(await bodyOf(answer));
  }

  async result(jobId: string): Promise<ResultBody> {
    return resultBodySchema.parse(await bodyOf(await this.#get(`/result/${jobId}`)));
  }

  /** Downloads every artifact and checks each against the digest that the API gave. */
  async download(result: ResultBody, folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const artifact of result.artifacts) {
      const answer = await this.#get(artifact.url);
      if (!answer.ok || answer.body === null)
        throw new Error(`The artifact ${artifact.name} could not be downloaded: try again.`);
      const hash = createHash('sha256');
      const hashing = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      await pipeline(Readable.fromWeb(answer.body), hashing, createWriteStream(join(folder, artifact.name)));
      if (hash.digest('hex') !== artifact.sha256)
        throw new Error(`The artifact ${artifact.name} arrived damaged: download it again.`);
    }
  }

  #get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(new URL(path, this.url), { headers: { ...this.#headers, ...headers } });
  }
}

async function bodyOf(answer: Response): Promise<unknown> {
  const body: unknown = await answer.json();
  if (answer.ok) return body;
  const problem = problemSchema.parse(body);
  throw new ApiProblem(problem.code, problem.title);
}
