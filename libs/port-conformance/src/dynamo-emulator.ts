import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { jobTableDefinition } from '@bpi/adapters-aws';
import { randomUUID } from 'node:crypto';

export type EmulatedTable = {
  tableName: string;
  /** An own client, closed with the rest. */
  connect(): DynamoDBClient;
  close(): Promise<void>;
};

const REQUEST_TIMEOUT_MS = 5_000;

/** A table of one test in an emulator of DynamoDB. @param endpoint its address; undefined says how to get one. */
export async function makeEmulatedTable(endpoint: string | undefined): Promise<EmulatedTable> {
  if (endpoint === undefined)
    throw new Error('no AWS emulator: run ./tools/test, or set BPI_TEST_AWS_ENDPOINT to the address of one');
  const tableName = `bpi-${randomUUID()}`;
  const clients: DynamoDBClient[] = [];
  const connect = () => {
    const client = new DynamoDBClient({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
    });
    clients.push(client);
    return client;
  };
  const owner = connect();
  await owner.send(new CreateTableCommand(jobTableDefinition(tableName)));
  return {
    tableName,
    connect,
    close: async () => {
      await owner.send(new DeleteTableCommand({ TableName: tableName }));
      for (const client of clients) client.destroy();
    },
  };
}
