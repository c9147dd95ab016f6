import type Docker from 'dockerode';
import type { Log } from './host.ts';
import { imageEvents } from './image-events.ts';

/** How long a pull may say nothing, and how long it may take. */
const PULL_SILENCE_MS = 15_000;
const PULL_TIMEOUT_MS = 5 * 60_000;

/** Whether the image came. False whatever the cause (no registry, a silent one, a refused one): nothing is thrown. */
export async function pullImage(docker: Docker, image: string, log: Log): Promise<boolean> {
  log(`${image}: pulling`);
  const abort = new AbortController();
  const deadline = setTimeout(() => abort.abort(), PULL_TIMEOUT_MS);
  let silence = setTimeout(() => abort.abort(), PULL_SILENCE_MS);
  try {
    const answer = await docker.pull(image, { abortSignal: abort.signal });
    for await (const event of imageEvents(answer)) {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), PULL_SILENCE_MS);
      if (event.error !== undefined) return false;
    }
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(deadline);
    clearTimeout(silence);
  }
}
