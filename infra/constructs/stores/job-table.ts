import { JOB_TABLE, KEY_ATTRIBUTES, TABLE_INDEXES } from '@bpi/adapters-aws';
import { DynamodbTable } from '@cdktf/provider-aws/lib/dynamodb-table/index.js';
import { Construct } from 'constructs';
import type { StackContext } from '../stack-context.ts';

export type JobTableSettings = {
  /** Backups of every second of the last 35 days. */
  pointInTimeRecovery: boolean;
  /** While it is on, nobody can delete the table. */
  deletionProtection: boolean;
  /** Whether Terraform may delete it, or replace it by an empty one. */
  destroyWithContents: boolean;
};

/** Records, claims, pools, API keys and audit events, as the adapter's JOB_TABLE describes them. */
export class JobTable extends Construct {
  readonly arn: string;
  readonly name: string;
  /** Roles are allowed to query them beside the table. */
  readonly indexArns: readonly string[];

  constructor(scope: Construct, id: string, context: StackContext, settings: JobTableSettings) {
    super(scope, id);
    const { partitionKey, sortKey, ttlAttribute } = JOB_TABLE;
    const table = new DynamodbTable(this, 'table', {
      name: context.name('jobs'),
      billingMode: 'PAY_PER_REQUEST',
      hashKey: partitionKey,
      rangeKey: sortKey,
      attribute: KEY_ATTRIBUTES.map((name) => ({ name, type: 'S' })),
      globalSecondaryIndex: TABLE_INDEXES.map((index) => ({
        name: index.name,
        hashKey: index.partitionKey,
        rangeKey: index.sortKey,
        projectionType: index.projection,
      })),
      ttl: { enabled: true, attributeName: ttlAttribute },
      pointInTimeRecovery: { enabled: settings.pointInTimeRecovery },
      deletionProtectionEnabled: settings.deletionProtection,
      ...(settings.destroyWithContents ? {} : { lifecycle: { preventDestroy: true } }),
      // Without this block DynamoDB encrypts with a key of its own, for nothing.
      ...(context.keyArn === null ? {} : { serverSideEncryption: { enabled: true, kmsKeyArn: context.keyArn } }),
    });
    this.arn = table.arn;
    this.name = table.name;
    this.indexArns = TABLE_INDEXES.map(({ name }) => `${table.arn}/index/${name}`);
  }
}
