/** Whether the parts of an environment are joined to the right other parts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { WEIGHTS_FOLDER } from '../constructs/compute/gpu-user-data.ts';
import { aManifest } from '../testing/a-manifest.ts';
import { asApplied, ACCOUNT_ID } from '../testing/applied.ts';
import { synthesizedEnvironment } from '../testing/environment.ts';
import { isAllowed, parsePolicy, type IamRequest } from '../testing/iam.ts';
import { someSettings } from '../testing/settings.ts';
import { all, only, synthesizedStack, type Body, type SynthesizedStack } from '../testing/synth-construct.ts';
import { imageNames, readModels } from './catalogue.ts';
import { absentImages } from './images.ts';
import { PlatformStack } from './platform-stack.ts';

const REGISTRY = `${ACCOUNT_ID}.dkr.ecr.us-east-1.amazonaws.com`;

const containersSchema = z.array(
  z.object({
    name: z.string(),
    image: z.string(),
    environment: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
    logConfiguration: z.object({ options: z.record(z.string(), z.string()) }),
  }),
);
type Container = z.infer<typeof containersSchema>[number];

function containersOf(stack: SynthesizedStack, definition: Body): Container[] {
  return containersSchema.parse(JSON.parse(String(asApplied(stack, definition['container_definitions']))));
}

describe.each(['dev', 'prod'] as const)('the parts of %s', (environment) => {
  let stack: SynthesizedStack;
  let definitions: Body[];
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bpi-images-'));
    const file = join(folder, 'images.json');
    const names = imageNames(await readModels());
    const images = names.map((name, n) => [name, `${REGISTRY}/bpi/${name}@sha256:${String(n).repeat(64)}`]);
    writeFileSync(file, JSON.stringify(Object.fromEntries(images)));
    stack = synthesizedEnvironment(environment, { IMAGE_DIGESTS: file });
    rmSync(folder, { recursive: true });
    definitions = all(stack, 'aws_ecs_task_definition');
  });

  it('run the image that is theirs', () => {
    const pairs = definitions.flatMap((definition) =>
      containersOf(stack, definition).map(({ name, image }) => [
        String(definition['family']).replace(`bpi-${environment}-`, ''),
        name,
        image.replace(/^.*\/bpi\/|@.*$/g, ''),
      ]),
    );
    expect(new Set(pairs.map(String))).toEqual(
      new Set([
        'api,api,api',
        'worker,worker,worker',
        'job-brain-mri,stage-in,stager',
        'job-brain-mri,model,brain-mri',
        'job-brain-mri,stage-out,stager',
        'job-biomedparse,stage-in,stager',
        'job-biomedparse,model,biomedparse',
        'job-biomedparse,stage-out,stager',
      ]),
    );
  });

  it('are started by a role that may pull every image and write every log of theirs', () => {
    for (const definition of definitions) {
      const role = String(asApplied(stack, definition['execution_role_arn'])).split('/').at(-1);
      const policies = all(stack, 'aws_iam_role_policy').map((body): Body => asApplied(stack, body));
      const own = policies
        .filter((policy) => policy['role'] === role)
        .flatMap(({ policy }) => parsePolicy(String(policy)));
      const requests = containersOf(stack, definition).flatMap(startRequests);
      expect(requests.length).toBeGreaterThan(3);
      expect(requests.filter((request) => !isAllowed(own, request))).toEqual([]);
    }
  });

  it('come up in their order: the pools, then the worker, then the API', () => {
    const service = (name: string) =>
      Object.entries(stack.resource['aws_ecs_service'] ?? {}).find(
        ([, body]) => body['name'] === `bpi-${environment}-${name}`,
      );
    const [workerId, worker] = service('worker') ?? [];
    const [, api] = service('api') ?? [];
    expect(api?.['depends_on']).toContain(`aws_ecs_service.${workerId}`);
    const attachments = Object.keys(stack.resource['aws_ecs_cluster_capacity_providers'] ?? {});
    expect(attachments).toHaveLength(1);
    expect(worker?.['depends_on']).toContain(`aws_ecs_cluster_capacity_providers.${attachments[0]}`);
  });

  it('are watched where they write', () => {
    const namespaces = definitions
      .flatMap((definition) => containersOf(stack, definition))
      .flatMap((container) => container.environment.filter(({ name }) => name === 'METRICS_NAMESPACE'));
    expect(new Set(namespaces.map(({ value }) => value))).toEqual(new Set([`BiomedParseInference/${environment}`]));
    const watched = all(stack, 'aws_cloudwatch_metric_alarm').map(({ namespace }) => namespace);
    expect(new Set(watched)).toEqual(
      new Set([`BiomedParseInference/${environment}`, 'AWS/SQS', 'AWS/Events', undefined]),
    );
  });

  it('have their dead letters watched, those of every queue', () => {
    const queues = all(stack, 'aws_sqs_queue').map((body): Body => asApplied(stack, body));
    const redriven = queues.flatMap(({ redrive_policy: policy }) =>
      policy === undefined
        ? []
        : [
            String(JSON.parse(String(policy)).deadLetterTargetArn)
              .split(':')
              .at(-1),
          ],
    );
    const alarms = all(stack, 'aws_cloudwatch_metric_alarm').filter(({ namespace }) => namespace === 'AWS/SQS');
    const watched = alarms.map((body) => (asApplied(stack, body['dimensions']) as Record<string, string>)['QueueName']);
    expect(watched.sort()).toEqual(redriven.sort());
    expect(redriven).toHaveLength(2);
  });

  it('keep a wake-up until long after its job’s deadline, and hide it for as long as a dispatch takes', () => {
    const jobs = all(stack, 'aws_sqs_queue').find(({ name }) => name === `bpi-${environment}-jobs`);
    expect(jobs).toMatchObject({ message_retention_seconds: 13 * 86_400, visibility_timeout_seconds: 90 });
  });

  it('carry the tags that the rights of CI stand on', () => {
    expect(JSON.stringify(stack.provider)).toContain(
      JSON.stringify([{ tags: { Environment: environment, ManagedBy: 'terraform', Project: 'bpi' } }]),
    );
  });
});

it('mounts a model’s weights where its machines put them, from the account’s bucket, and names the file', () => {
  const manifests = [{ ...aManifest(), weights: { file: 'unet.pt', sha256: 'ab'.repeat(32) } }];
  const settings = someSettings({ gpu: { ...someSettings().gpu, weights: ['brain-mri'] } });
  const images = absentImages(imageNames(manifests));
  const stack = synthesizedStack((app) => new PlatformStack(app, 'test', { settings, manifests, images }));
  const job = all(stack, 'aws_ecs_task_definition').find(({ family }) => family === 'bpi-test-job-brain-mri') ?? {};
  expect(job['volume']).toContainEqual({ name: 'weights', host_path: `${WEIGHTS_FOLDER}/brain-mri` });
  const model = containersOf(stack, job).find(({ name }) => name === 'model');
  expect(model?.environment).toContainEqual({ name: 'WEIGHTS_FILE', value: 'unet.pt' });
  const locals = JSON.stringify(asApplied(stack, stack.locals ?? {}));
  expect(locals).toContain(`bpi-weights-${ACCOUNT_ID}`);
  expect(locals).toContain('brain-mri/unet.pt');
  expect(only(stack, 'aws_launch_template')['user_data']).toContain('local.');
});

/** What ECS asks in the name of the execution role to start a container. */
function startRequests({ image, logConfiguration }: Container): IamRequest[] {
  const repository = image.replace(/^[^/]+\/|@.*$/g, '');
  const resource = `arn:aws:ecr:us-east-1:${ACCOUNT_ID}:repository/${repository}`;
  const pull = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'];
  const group = logConfiguration.options['awslogs-group'];
  const stream = `arn:aws:logs:us-east-1:${ACCOUNT_ID}:log-group:${group}:log-stream:x/y/0`;
  return [
    { action: 'ecr:GetAuthorizationToken', resource: '*' },
    ...pull.map((action) => ({ action, resource })),
    ...(group === undefined
      ? []
      : ['logs:CreateLogStream', 'logs:PutLogEvents'].map((action) => ({ action, resource: stream }))),
  ];
}
