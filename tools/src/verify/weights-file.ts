import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelWeights } from '@bpi/job-contract';
import type { Log } from '../docker/host.ts';
import { VerifyError } from './verify-error.ts';

/** A checkpoint is larger than this; Git LFS's pointer to one is not. */
const BYTES_MIN = 1024;
const CHUNK_BYTES = 4 * 1024 * 1024;
const PROGRESS_STEP = 0.1;

export type CheckedWeights = { file: string; sha256: string; verdict: 'pinned' | 'not pinned' };

/**
 * Hashes the weights in `folder`; they must be those that the manifest pinned, if it pinned any.
 * @throws VerifyError
 */
export async function checkWeights(
  folder: string,
  weights: ModelWeights,
  watch: { log: Log; signal: AbortSignal },
): Promise<CheckedWeights> {
  const path = join(folder, weights.file);
  const stats = await stat(path).catch(() => null);
  if (stats === null || !stats.isFile())
    throw new VerifyError(`${path} is missing: download it there, or name its folder with --weights.`);
  if (stats.size < BYTES_MIN)
    throw new VerifyError(
      `${path} has ${stats.size} bytes: it is a pointer or a broken download, fetch the file itself.`,
    );
  const sha256 = await sha256Of(path, stats.size, watch);
  if (weights.sha256 !== null && weights.sha256 !== sha256) {
    throw new VerifyError(
      `${weights.file} is not the file that model.json pins (it is ${sha256}, wanted ${weights.sha256}): ` +
        'download that one, or set weights.sha256 to null to try this one.',
    );
  }
  return { file: weights.file, sha256, verdict: weights.sha256 === null ? 'not pinned' : 'pinned' };
}

async function sha256Of(path: string, bytes: number, watch: { log: Log; signal: AbortSignal }): Promise<string> {
  const { log, signal } = watch;
  const hash = createHash('sha256');
  let done = 0;
  let told = 0;
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: CHUNK_BYTES, signal });
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      done += chunk.length;
      if (done / bytes < told + PROGRESS_STEP) continue;
      told = done / bytes;
      log(`weights: ${Math.floor(100 * told)} % of ${(bytes / 2 ** 20).toFixed(0)} MiB hashed`);
    }
  } catch {
    signal.throwIfAborted();
    throw new VerifyError(`${path} cannot be read: make it readable for this user.`);
  }
  return hash.digest('hex');
}
