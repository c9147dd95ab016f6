import { SqliteClients } from '@bpi/adapters-local';
import { MemoryClients } from '@bpi/adapters-memory';
import { describeClients, type ClientsHarness } from './clients.conformance.ts';
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
};

for (const [name, make] of Object.entries(ADAPTERS)) describeClients(name, make);
