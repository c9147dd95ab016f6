import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import { LABELS } from './container-options.ts';

/** The label that tells this installation's containers from others' on one engine: made from its data folder. */
export function platformLabelOf(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
}

/**
 * Ends every model container of an installation whose worker is stopped for good, as a reboot would: an attempt that
 * was under way is retried when a worker comes back.
 */
export async function killModelContainers(docker: Docker, dataDir: string): Promise<void> {
  const filters = { label: [`${LABELS.platform}=${platformLabelOf(dataDir)}`] };
  const running = await docker.listContainers({ filters });
  // One that ended meanwhile answers 409, which is what was wanted.
  await Promise.allSettled(running.map(({ Id }) => docker.getContainer(Id).kill()));
}
