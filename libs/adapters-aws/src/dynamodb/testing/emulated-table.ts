import { CreateTableCommand, DeleteTableCommand, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { randomUUID } from 'node:crypto';
import { jobTableDefinition, type Item, type ItemKey } from '../job-table.ts';
import { makeScriptedClient, type ScriptedClient } from './scripted-client.ts';

export type EmulatedTable = {
  tableName: string;
  /** An own client, closed with the rest. @param triesMax of the SDK for one call. */
  connect(triesMax?: number): ScriptedClient;
  /** An item as it lies there. */
  item(key: ItemKey): Promise<Item | undefined>;
  close(): Promise<void>;
};

/** A table of one test in an emulator of DynamoDB. @param endpoint its address; undefined says how to get one. */
export async function makeEmulatedTable(endpoint: string | undefined): Promise<EmulatedTable> {
  const tableName = `bpi-${randomUUID()}`;
  const connected: ScriptedClient[] = [];
  const connect = (triesMax = 1) => {
    const scripted = makeScriptedClient(endpoint, triesMax);
    connected.push(scripted);
    return scripted;
  };
  const owner = connect(3).client;
  await owner.send(new CreateTableCommand(jobTableDefinition(tableName)));
  return {
    tableName,
    connect,
    item: async (key) =>
      (await owner.send(new GetItemCommand({ TableName: tableName, Key: key, ConsistentRead: true }))).Item,
    close: async () => {
      await owner.send(new DeleteTableCommand({ TableName: tableName }));
      for (const { client } of connected) client.destroy();
    },
  };
}
