import { JOB_TABLE } from '@bpi/adapters-aws';
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
  /** Roles are allowed to query it beside the table. */
  readonly activeIndexArn: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: JobTableSettings) {
    super(scope, id);
    const { partitionKey, sortKey, ttlAttribute, activeIndex } = JOB_TABLE;
    const keys = [partitionKey, sortKey, activeIndex.partitionKey, activeIndex.sortKey];
    const table = new DynamodbTable(this, 'table', {
      name: context.name('jobs'),
      billingMode: 'PAY_PER_REQUEST',
      hashKey: partitionKey,
      rangeKey: sortKey,
      attribute: keys.map((name) => ({ name, type: 'S' })),
      globalSecondaryIndex: [
        {
          name: activeIndex.name,
          hashKey: activeIndex.partitionKey,
          rangeKey: activeIndex.sortKey,
          projectionType: activeIndex.projection,
        },
      ],
      ttl: { enabled: true, attributeName: ttlAttribute },
      pointInTimeRecovery: { enabled: settings.pointInTimeRecovery },
      deletionProtectionEnabled: settings.deletionProtection,
      ...(settings.destroyWithContents ? {} : { lifecycle: { preventDestroy: true } }),
      // Without this block DynamoDB encrypts with a key of its own, for nothing.
      ...(context.keyArn === null ? {} : { serverSideEncryption: { enabled: true, kmsKeyArn: context.keyArn } }),
    });
    this.arn = table.arn;
    this.name = table.name;
    this.activeIndexArn = `${table.arn}/index/${activeIndex.name}`;
  }
}
