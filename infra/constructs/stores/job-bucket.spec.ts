import { DEFAULT_SETTINGS } from '@bpi/api/settings';
import { describe, expect, it } from '@jest/globals';
import { all, only, synthesizeConstruct, type Body, type SynthesizedStack } from '../../testing/synth-construct.ts';
import { JOB_DAYS_MAX, JobBucket, type JobBucketSettings } from './job-bucket.ts';

const KEY = 'arn:aws:kms:us-east-1:${data.aws_caller_identity.account.account_id}:key/test';
const SETTINGS: JobBucketSettings = {
  versioning: false,
  keptDays: { input: 7, result: 30, logs: 14 },
  glacierAfterDays: null,
  destroyWithContents: false,
  corsOrigins: [],
};

function synthesize(settings: Partial<JobBucketSettings> = {}, keyArn: string | null = null): SynthesizedStack {
  return synthesizeConstruct(
    (scope, context) => {
      new JobBucket(scope, 'bucket', context, { ...SETTINGS, ...settings });
    },
    { keyArn },
  );
}

/** Of the jobs, then of the logs: the logical ids begin with the children's own. */
function ofBoth(stack: SynthesizedStack, type: string): Body[] {
  const bodies = Object.entries(stack.resource[type] ?? {});
  return ['bucket_jobs', 'bucket_access-logs'].map((name) => {
    const [found] = bodies.filter(([id]) => id.startsWith(name)).map(([, body]) => body);
    if (found === undefined) throw new Error(`No ${type} of ${name} among ${bodies.map(([id]) => id).join(', ')}.`);
    return found;
  });
}

function statementsOf(body: Body | undefined): Record<string, unknown>[] {
  return JSON.parse(String(body?.['policy'])).Statement;
}

function rulesOf(stack: SynthesizedStack): Record<string, unknown>[] {
  const [lifecycle] = all(stack, 'aws_s3_bucket_lifecycle_configuration').filter(({ rule }) =>
    JSON.stringify(rule).includes('leftovers'),
  );
  return lifecycle?.['rule'] as Record<string, unknown>[];
}

describe('the bucket of the jobs', () => {
  it('and the bucket of its access logs are closed to the public, without access lists', () => {
    const stack = synthesize();
    for (const block of ofBoth(stack, 'aws_s3_bucket_public_access_block')) {
      expect(block).toMatchObject({
        block_public_acls: true,
        block_public_policy: true,
        ignore_public_acls: true,
        restrict_public_buckets: true,
      });
    }
    for (const control of ofBoth(stack, 'aws_s3_bucket_ownership_controls')) {
      expect(control).toMatchObject({ rule: { object_ownership: 'BucketOwnerEnforced' } });
    }
    expect(all(stack, 'aws_s3_bucket_acl')).toEqual([]);
  });

  it('is named after the account, which makes the name our own', () => {
    const names = ofBoth(synthesize(), 'aws_s3_bucket').map(({ bucket }) => bucket);
    const account = '${data.aws_caller_identity.account.account_id}';
    expect(names).toEqual([`bpi-test-jobs-${account}`, `bpi-test-access-logs-${account}`]);
  });

  it('is destroyed with its contents only if told so', () => {
    const forced = (settings: Partial<JobBucketSettings>) =>
      ofBoth(synthesize(settings), 'aws_s3_bucket').map((bucket) => bucket['force_destroy']);
    expect(forced({})).toEqual([false, false]);
    expect(forced({ destroyWithContents: true })).toEqual([true, true]);
  });

  it("is encrypted with S3's key, or with the environment's own and few calls of KMS", () => {
    const rules = (keyArn: string | null) =>
      ofBoth(synthesize({}, keyArn), 'aws_s3_bucket_server_side_encryption_configuration').map(({ rule }) => rule);
    const aes = [{ apply_server_side_encryption_by_default: { sse_algorithm: 'AES256' } }];
    const kms = { sse_algorithm: 'aws:kms', kms_master_key_id: KEY };
    expect(rules(null)).toEqual([aes, aes]);
    // S3 delivers its access logs to no other.
    expect(rules(KEY)).toEqual([[{ apply_server_side_encryption_by_default: kms, bucket_key_enabled: true }], aes]);
  });

  it('turns away whoever comes without TLS, and nobody because of a network: signed links work from everywhere', () => {
    const [jobs, logs] = ofBoth(synthesize(), 'aws_s3_bucket_policy').map(statementsOf);
    const tls = {
      Sid: 'TlsOnly',
      Effect: 'Deny',
      Principal: '*',
      Action: ['s3:*'],
      Resource: [expect.stringMatching(/\.arn\}$/), expect.stringMatching(/\.arn\}\/\*$/)],
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    };
    expect(jobs).toEqual([tls]);
    expect(logs).toEqual([tls, expect.objectContaining({ Sid: 'AccessLogs', Action: ['s3:PutObject'] })]);
    expect(JSON.stringify(jobs)).not.toMatch(/vpc|sourceip/i);
  });

  it('keeps versions if told so', () => {
    expect(all(synthesize(), 'aws_s3_bucket_versioning')).toEqual([]);
    expect(only(synthesize({ versioning: true }), 'aws_s3_bucket_versioning')).toMatchObject({
      versioning_configuration: { status: 'Enabled' },
    });
  });

  it('admits browsers only where origins are given, and those to read', () => {
    expect(all(synthesize(), 'aws_s3_bucket_cors_configuration')).toEqual([]);
    const origins = ['https://viewer.example.org'];
    const cors = only(synthesize({ corsOrigins: origins }), 'aws_s3_bucket_cors_configuration');
    expect(cors['cors_rule']).toEqual([
      expect.objectContaining({ allowed_methods: ['GET', 'HEAD'], allowed_origins: origins }),
    ]);
  });

  it('logs every access, for as long as other logs are kept, and takes logs of itself only', () => {
    const stack = synthesize();
    expect(only(stack, 'aws_s3_bucket_logging')).toMatchObject({ target_prefix: 'access/' });
    const [, logs] = ofBoth(stack, 'aws_s3_bucket_policy').map(statementsOf);
    expect(logs?.[1]).toMatchObject({
      Principal: { Service: 'logging.s3.amazonaws.com' },
      Condition: {
        ArnLike: { 'aws:SourceArn': expect.stringMatching(/^\$\{aws_s3_bucket\.bucket_jobs_\w+\.arn\}$/) },
        StringEquals: { 'aws:SourceAccount': '${data.aws_caller_identity.account.account_id}' },
      },
    });
    const lifecycles = all(stack, 'aws_s3_bucket_lifecycle_configuration').map(({ rule }) => rule);
    expect(lifecycles).toContainEqual([expect.objectContaining({ id: 'logs', expiration: [{ days: 7 }] })]);
  });
});

describe('the lifecycle of the objects', () => {
  const filterOf = (kind: string) => [{ and: [{ prefix: 'jobs/', tags: { kind } }] }];

  it('removes each kind after the days of its class, counted from when its job must be over at the latest', () => {
    expect(rulesOf(synthesize()).slice(0, 3)).toEqual([
      { id: 'input', status: 'Enabled', filter: filterOf('input'), expiration: [{ days: 10 }] },
      { id: 'attempt', status: 'Enabled', filter: filterOf('attempt'), expiration: [{ days: 17 }] },
      { id: 'result', status: 'Enabled', filter: filterOf('result'), expiration: [{ days: 33 }] },
    ]);
  });

  it('never comes before what the job was promised', () => {
    const day = 24 * 60 * 60 * 1_000;
    expect(JOB_DAYS_MAX * day).toBeGreaterThanOrEqual(DEFAULT_SETTINGS.totalDeadlineMs + day);
  });

  it('moves results, and nothing else, to where a download still works', () => {
    const rules = rulesOf(synthesize({ glacierAfterDays: 20 }));
    expect(rules.map(({ transition }) => transition ?? null)).toEqual([
      null,
      null,
      [{ days: 20, storage_class: 'GLACIER_IR' }],
      null,
    ]);
  });

  it.each([true, false])('leaves nothing of what was deleted or never finished (versioning: %s)', (versioning) => {
    expect(rulesOf(synthesize({ versioning })).slice(3)).toEqual([
      {
        id: 'leftovers',
        status: 'Enabled',
        filter: [{ prefix: '' }],
        abort_incomplete_multipart_upload: [{ days_after_initiation: 1 }],
        noncurrent_version_expiration: [{ noncurrent_days: 1 }],
        expiration: [{ expired_object_delete_marker: true }],
      },
    ]);
  });
});
