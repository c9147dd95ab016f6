import { DynamoJobStore } from '@bpi/adapters-aws';
import { SqliteJobStore } from '@bpi/adapters-local';
import { MemoryJobStore } from '@bpi/adapters-memory';
import { makeEmulatedTable } from './aws-emulator.ts';
import { describeJobStore } from './job-store.conformance.ts';
import type { JobStoreHarness } from './job-store-harness.ts';
import { makeLocalDatabase } from './local-database.ts';

type Pools = Readonly<Record<string, number>>;

const ADAPTERS: Record<string, (pools: Pools) => Promise<JobStoreHarness>> = {
  memory: async (pools) => {
    const store = new MemoryJobStore({ pools });
    return { store, second: async () => store, close: async () => {} };
  },
  sqlite: async (pools) => {
    const local = await makeLocalDatabase();
    const connect = () => new SqliteJobStore(local.connect(), { pools, dataRoot: local.folder });
    return { store: connect(), second: async () => connect(), close: local.close };
  },
  dynamodb: async (pools) => {
    const { tableName, connect, close } = await makeEmulatedTable(process.env['BPI_TEST_AWS_ENDPOINT']);
    const open = () => new DynamoJobStore(connect(), { tableName, pools });
    return { store: open(), second: async () => open(), close };
  },
};

for (const [name, make] of Object.entries(ADAPTERS)) describeJobStore(name, make);
