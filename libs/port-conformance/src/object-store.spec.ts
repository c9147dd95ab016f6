import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FsObjectStore } from '@bpi/adapters-local';
import { MemoryObjectStore } from '@bpi/adapters-memory';
import { describeObjectStore, type ObjectStoreHarness } from './object-store.conformance.ts';

const ADAPTERS: Record<string, () => Promise<ObjectStoreHarness>> = {
  memory: async () => {
    const objects = new MemoryObjectStore();
    return { objects, second: async () => objects, close: async () => {} };
  },
  filesystem: async () => {
    const root = await mkdtemp(join(tmpdir(), 'bpi-objects-'));
    return {
      objects: new FsObjectStore(root),
      second: async () => new FsObjectStore(root),
      close: () => rm(root, { recursive: true, force: true }),
    };
  },
};

for (const [name, make] of Object.entries(ADAPTERS)) describeObjectStore(name, make);
