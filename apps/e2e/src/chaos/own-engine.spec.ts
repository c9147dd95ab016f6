/** That an engine of a test's own does nothing to the machine's. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import Dockerode from 'dockerode';
import { required } from '../harness.ts';
import { OwnEngine } from './own-engine.ts';

/** Bridges of the machine, which is where engines put their containers. */
async function bridges(): Promise<string[]> {
  const names = await readdir('/sys/class/net');
  const parts = await Promise.all(names.map((name) => readdir(join('/sys/class/net', name)).catch((): string[] => [])));
  return names.filter((_, at) => parts[at]?.includes('bridge'));
}

describe('an engine of a test’s own', () => {
  it('has a network of its own, over its restart too, and leaves the machine’s bridges where they are', async () => {
    const before = await bridges();
    const shared = new Dockerode({ socketPath: required('BPI_TEST_DOCKER_SOCKET') });
    const engine = await OwnEngine.start({ from: shared, names: [] });
    try {
      await engine.restart('SIGKILL');
      const pid = (await readFile(join(dirname(engine.socketPath), 'docker.pid'), 'utf8')).trim();
      expect(await readlink(`/proc/${pid}/ns/net`)).not.toBe(await readlink('/proc/self/ns/net'));
      expect(await engine.docker.listContainers({ all: true })).toEqual([]);
      expect(await bridges()).toEqual(expect.arrayContaining(before));
    } finally {
      await engine.close();
    }
    expect(await bridges()).toEqual(expect.arrayContaining(before));
  }, 60_000);
});
