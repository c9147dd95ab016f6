import { JOB_TABLE, jobTableDefinition } from '@bpi/adapters-aws';
import { describe, expect, it } from '@jest/globals';
import { TerraformOutput } from 'cdktf';
import { only, synthesizeConstruct, type Body } from '../../testing/synth-construct.ts';
import { JobTable, type JobTableSettings } from './job-table.ts';

const KEY = 'arn:aws:kms:us-east-1:${data.aws_caller_identity.account.account_id}:key/test';

function synthesize(settings: JobTableSettings, keyArn: string | null) {
  const stack = synthesizeConstruct(
    (scope, context) => {
      new JobTable(scope, 'table', context, settings);
    },
    { keyArn },
  );
  return only(stack, 'aws_dynamodb_table');
}

const OFF = { pointInTimeRecovery: false, deletionProtection: false, destroyWithContents: true };
const ON = { pointInTimeRecovery: true, deletionProtection: true, destroyWithContents: false };

describe('the table of the jobs', () => {
  it('is the one that the adapter writes to', () => {
    expect(definitionOf(synthesize(OFF, null))).toEqual(jobTableDefinition('bpi-test-jobs'));
  });

  it('lets what expires go', () => {
    expect(synthesize(OFF, null)).toMatchObject({ ttl: { enabled: true, attribute_name: JOB_TABLE.ttlAttribute } });
  });

  it('can be brought back and cannot be deleted, if told so', () => {
    const settings = (table: Body) => [table['point_in_time_recovery'], table['deletion_protection_enabled']];
    expect(settings(synthesize(OFF, null))).toEqual([{ enabled: false }, false]);
    expect(settings(synthesize(ON, null))).toEqual([{ enabled: true }, true]);
  });

  it("is encrypted with DynamoDB's own key, or with the environment's", () => {
    expect(synthesize(OFF, null)).not.toHaveProperty('server_side_encryption');
    expect(synthesize(OFF, KEY)).toMatchObject({ server_side_encryption: { enabled: true, kms_key_arn: KEY } });
  });

  it('names its indexes by the ARNs that queries of them are allowed by', () => {
    const { output } = synthesizeConstruct((scope, context) => {
      const table = new JobTable(scope, 'table', context, OFF);
      new TerraformOutput(scope, 'indexes', { value: table.indexArns.join(' ') });
    });
    const arn = String.raw`\$\{aws_dynamodb_table\.\w+\.arn\}/index/`;
    expect(output['indexes']?.['value']).toMatch(new RegExp(`^${arn}active ${arn}queued$`));
  });
});

type Attribute = { name: string; type: string };
type Index = { name: string; hash_key: string; range_key: string; projection_type: string };

/** A table as Terraform has it, in the words of DynamoDB. */
function definitionOf(table: Body): object {
  const keys = (hash: unknown, range: unknown) => [
    { AttributeName: hash, KeyType: 'HASH' },
    { AttributeName: range, KeyType: 'RANGE' },
  ];
  return {
    TableName: table['name'],
    BillingMode: table['billing_mode'],
    AttributeDefinitions: (table['attribute'] as Attribute[]).map(({ name, type }) => ({
      AttributeName: name,
      AttributeType: type,
    })),
    KeySchema: keys(table['hash_key'], table['range_key']),
    GlobalSecondaryIndexes: (table['global_secondary_index'] as Index[]).map((index) => ({
      IndexName: index.name,
      KeySchema: keys(index.hash_key, index.range_key),
      Projection: { ProjectionType: index.projection_type },
    })),
  };
}
