import { DynamoClients } from '@bpi/adapters-aws';
import { SqliteClients } from '@bpi/adapters-local';
import { MemoryClients } from '@bpi/adapters-memory';
import { START_MS } from './builders.ts';
import { describeClients, type ClientsHarness } from './clients.conformance.ts';
import { makeEmulatedTable } from './aws-emulator.ts';
import { makeLocalDatabase } from './local-database.ts';

const ADAPTERS: Record<string, () => Promise<ClientsHarness>> = {
  memory: async () => {
    const clients = new MemoryClients();
    return { clients, second: async () => clients, auditTrail: () => clients.auditTrail(100), close: async () => {} };
  },
  sqlite: async () => {
    const local = await makeLocalDatabase();
    const clients = new SqliteClients(local.connect());
    const second = async () => new SqliteClients(local.connect());
    return { clients, second, auditTrail: () => clients.auditTrail(100), close: local.close };
  },
  dynamodb: async () => {
    const { tableName, connect, close } = await makeEmulatedTable(process.env['BPI_TEST_AWS_ENDPOINT']);
    const clients = new DynamoClients(connect(), { tableName });
    const second = async () => new DynamoClients(connect(), { tableName });
    return { clients, second, auditTrail: () => clients.auditTrail({ atMs: START_MS, limit: 100 }), close };
  },
};

for (const [name, make] of Object.entries(ADAPTERS)) describeClients(name, make);
