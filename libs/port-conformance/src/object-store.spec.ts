import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3ObjectStore } from '@bpi/adapters-aws';
import { FsObjectStore } from '@bpi/adapters-local';
import { MemoryObjectStore } from '@bpi/adapters-memory';
import { makeEmulatedBucket } from './aws-emulator.ts';
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
  s3: async () => {
    const { bucket, connect, close } = await makeEmulatedBucket(process.env['BPI_TEST_AWS_ENDPOINT']);
    const open = () => new S3ObjectStore({ client: connect(), bucket, scratchDir: tmpdir() });
    return { objects: open(), second: async () => open(), close };
  },
};

for (const [name, make] of Object.entries(ADAPTERS)) describeObjectStore(name, make);
