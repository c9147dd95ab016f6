import { DEFAULT_SETTINGS } from '@bpi/api/settings';
import { describe, expect, it } from '@jest/globals';
import { LIMITS } from '@bpi/job-contract';
import { A_SERVICE, aTaskRole, containerOf, PLACES, statementsOf, TestNetwork } from '../../testing/service-parts.ts';
import { only, synthesizeConstruct, type SynthesizedStack } from '../../testing/synth-construct.ts';
import { API_STOP_TIMEOUT_S, apiEnvironment, ApiService } from './api-service.ts';

const KEY = 'arn:aws:kms:us-east-1:${data.aws_caller_identity.account.account_id}:key/test';
const GiB = 1024 ** 3;
/** "Fargate task ephemeral storage": without a setting, and with the image on it. */
const FARGATE_DISK_BYTES = 20 * GiB;
const IMAGE_BYTES_MAX = 1 * GiB;
/** apps/api/src/upload/scratch.ts */
const COPIES = 3;

function synthesize(keyArn: string | null = null): SynthesizedStack {
  return synthesizeConstruct(
    (scope, context) => {
      new ApiService(scope, 'api', context, {
        image: A_SERVICE.image,
        size: { cpuUnits: 512, memoryMiB: 1_024, tasks: 2 },
        clusterArn: A_SERVICE.clusterArn,
        network: new TestNetwork(scope),
        logGroupName: '/bpi/test/api',
        executionRole: aTaskRole(scope, context, 'execution'),
        places: PLACES,
        defaultModel: 'brain-mri',
        uploadBytesMax: null,
        listenAfterStopMs: 0,
        ingress: { groupId: 'sg-ingress', target: { kind: 'registry', arn: 'arn:registry' } },
        after: [{ fqn: 'aws_ecs_service.worker' }],
      });
    },
    { keyArn },
  );
}

describe('the environment of the API', () => {
  it('says where jobs are, and nothing that has a good default', () => {
    const settings = { places: PLACES, defaultModel: null, uploadBytesMax: null, listenAfterStopMs: 0 };
    expect(apiEnvironment(settings, 'us-east-1')).toEqual({
      AWS_REGION: 'us-east-1',
      BUCKET: 'bpi-test-jobs-0',
      JOBS_TABLE: 'bpi-test-jobs',
      JOB_QUEUE_URL: PLACES.jobQueue.url,
      METRICS_NAMESPACE: 'BiomedParseInference/test',
      POOLS: 'bpi-test-gpu-spot=2,bpi-test-gpu-on-demand=1',
      RETENTION_INPUT_DAYS: '14',
      RETENTION_LOGS_DAYS: '21',
      RETENTION_RECORD_DAYS: '400',
      RETENTION_RESULT_DAYS: '90',
      SCRATCH_DIR: '/scratch',
    });
  });

  it('has a default model, and the largest upload that the ingress lets through, where there are such', () => {
    const settings = {
      places: PLACES,
      defaultModel: 'brain-mri',
      uploadBytesMax: 9_934_464,
      listenAfterStopMs: 20_000,
    };
    expect(apiEnvironment(settings, 'us-east-1')).toMatchObject({
      DEFAULT_MODEL: 'brain-mri',
      UPLOAD_BYTES_MAX: '9934464',
      LISTEN_AFTER_STOP_MS: '20000',
    });
  });
});

describe('the API on Fargate', () => {
  const stack = synthesize();

  it('is of the size that was asked for, and answers its ingress', () => {
    expect(only(stack, 'aws_ecs_service')).toMatchObject({ name: 'bpi-test-api', desired_count: 2 });
    expect(only(stack, 'aws_ecs_task_definition')).toMatchObject({ cpu: '512', memory: '1024' });
    expect(containerOf(stack)).toMatchObject({ portMappings: [{ containerPort: 8080 }] });
  });

  it('writes to its scratch volume only', () => {
    expect(containerOf(stack)).toMatchObject({
      readonlyRootFilesystem: true,
      mountPoints: [{ sourceVolume: 'scratch', containerPath: '/scratch', readOnly: false }],
      environment: expect.arrayContaining([{ name: 'SCRATCH_DIR', value: '/scratch' }]),
    });
  });

  it('has disk enough for what one client may upload at once, in all its copies', () => {
    const { uploadsPerClientMax, scratchReserveBytes } = DEFAULT_SETTINGS;
    const needed = uploadsPerClientMax * COPIES * LIMITS.uploadBytesMax + scratchReserveBytes + IMAGE_BYTES_MAX;
    expect(needed).toBeLessThan(FARGATE_DISK_BYTES);
    expect(only(stack, 'aws_ecs_task_definition')).not.toHaveProperty('ephemeral_storage');
  });

  it('may end in its own time', () => {
    const { shutdownMs } = DEFAULT_SETTINGS;
    const listenAfterStopMs = 20_000; // behind API Gateway
    expect(API_STOP_TIMEOUT_S * 1_000).toBeGreaterThan(shutdownMs + listenAfterStopMs);
    expect(containerOf(stack)['stopTimeout']).toBe(API_STOP_TIMEOUT_S);
  });
});

describe('the role of the API', () => {
  const exactly = (keyArn: string | null) =>
    statementsOf(synthesize(keyArn), 'api-task').map(({ Action, Resource }) => ({ Action, Resource }));
  const { table, bucket, jobQueue } = PLACES;
  const expected = [
    {
      Action: [
        'dynamodb:BatchGetItem',
        'dynamodb:GetItem',
        'dynamodb:PutItem',
        'dynamodb:Query',
        'dynamodb:UpdateItem',
      ],
      Resource: [table.arn],
    },
    { Action: ['dynamodb:Query'], Resource: table.indexArns },
    {
      Action: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject', 's3:PutObjectTagging'],
      Resource: [`${bucket.arn}/jobs/*`],
    },
    { Action: ['s3:ListBucket'], Resource: [bucket.arn] },
    { Action: ['sqs:GetQueueAttributes', 'sqs:SendMessage'], Resource: [jobQueue.arn] },
  ];

  it('allows exactly what it calls: no deletion, no receipt, no task', () => {
    expect(exactly(null)).toEqual(expected);
  });

  it('also allows the key that its data is under', () => {
    expect(exactly(KEY)).toEqual([...expected, { Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: [KEY] }]);
  });

  it('lists jobs only, and may know that an object is missing', () => {
    const list = statementsOf(synthesize(), 'api-task').find(({ Action }) => Action.includes('s3:ListBucket'));
    expect(list?.Condition).toEqual({ StringLikeIfExists: { 's3:prefix': 'jobs/*' } });
  });
});

describe('a deployment of the API', () => {
  it('begins when the worker’s is through: only it knows how to run what the API then accepts', () => {
    expect(only(synthesize(), 'aws_ecs_service')['depends_on']).toContain('aws_ecs_service.worker');
  });
});
