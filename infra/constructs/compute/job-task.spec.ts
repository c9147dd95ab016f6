import { buildJobTask } from '@bpi/adapters-aws';
import { LIMITS, type ModelManifest } from '@bpi/job-contract';
import { describe, expect, it } from '@jest/globals';
import { aManifest } from '../../testing/a-manifest.ts';
import { only, synthesizeConstruct, TEST_CONTEXT } from '../../testing/synth-construct.ts';
import { JobTaskRoles } from './job-task-roles.ts';
import { JobTask, MODEL_START_MS_MAX, type JobTaskSettings } from './job-task.ts';
import { LogGroup } from '../log-group.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGES = { stager: `registry/bpi/stager@${DIGEST}`, model: `registry/bpi/brain-mri@${DIGEST}` };
const WEIGHTS = { sourcePath: '/var/lib/bpi/weights/brain-mri' };
const BUCKET = `bpi-test-jobs-${TEST_CONTEXT.accountId}`;
const QUEUE_URL = 'https://sqs.us-east-1.amazonaws.com/queue';

type Made = { body: Readonly<Record<string, unknown>>; task: JobTask };

function jobTaskOf(manifest: ModelManifest, settings: Partial<JobTaskSettings> = {}): Made {
  const made: { task?: JobTask } = {};
  const stack = synthesizeConstruct((scope, context) => {
    const logGroup = new LogGroup(scope, 'logs', context, { name: '/bpi/test/jobs' });
    const roles = new JobTaskRoles(scope, 'roles', context, {
      bucketArn: 'arn:aws:s3:::jobs',
      taskEventsQueueArn: 'arn:aws:sqs:us-east-1:1:events',
      repositoryArns: ['arn:aws:ecr:us-east-1:1:repository/bpi/stager'],
      logGroupArn: logGroup.arn,
    });
    made.task = new JobTask(scope, 'job', context, {
      manifest,
      images: IMAGES,
      bucketName: BUCKET,
      taskEventsQueueUrl: QUEUE_URL,
      roles,
      logGroupName: logGroup.name,
      weights: WEIGHTS,
      machine: { size: 'xlarge', families: ['g4dn', 'g5'] },
      ...settings,
    });
  });
  if (made.task === undefined) throw new Error('No task was made.');
  return { body: only(stack, 'aws_ecs_task_definition'), task: made.task };
}

describe('the task definition of a model', () => {
  it('is what the builder gives for the same settings, and nothing less', () => {
    const { body } = jobTaskOf(aManifest());
    const { task_role_arn: task, execution_role_arn: execution } = body;
    const text = String(body['container_definitions']);
    const { 'awslogs-group': logGroup } = stagerLogOptions(text);
    const built = buildJobTask({
      manifest: aManifest(),
      family: 'bpi-test-job-brain-mri',
      images: IMAGES,
      region: 'us-east-1',
      bucket: BUCKET,
      taskEventsQueueUrl: QUEUE_URL,
      roles: { task: String(task), execution: String(execution) },
      logGroup: logGroup ?? null,
      weights: WEIGHTS,
      outputBytesMax: LIMITS.outputBytesMax,
      startDeadlineMs: MODEL_START_MS_MAX,
    });
    const { containerDefinitions, volumes, ...rest } = built;
    expect(JSON.parse(asTerraformReads(text))).toEqual(containerDefinitions);
    expect(body['volume']).toEqual(
      volumes.map(({ name, host }) => ({
        name,
        ...(host.sourcePath === undefined ? {} : { host_path: host.sourcePath }),
      })),
    );
    expect(rest).toEqual({
      family: body['family'],
      networkMode: body['network_mode'],
      requiresCompatibilities: body['requires_compatibilities'],
      runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
      taskRoleArn: task,
      executionRoleArn: execution,
    });
    expect(body['runtime_platform']).toEqual({ cpu_architecture: 'X86_64', operating_system_family: 'LINUX' });
  });

  it('names what the stack makes, so that it is there before any task', () => {
    const { body } = jobTaskOf(aManifest());
    const text = String(body['container_definitions']);
    expect(stagerLogOptions(text)['awslogs-group']).toMatch(/^\$\{aws_cloudwatch_log_group\.logs_group_\w+\.name\}$/);
    expect(body['task_role_arn']).toMatch(/^\$\{aws_iam_role\.roles_task_role_\w+\.arn\}$/);
    expect(body['execution_role_arn']).toMatch(/^\$\{aws_iam_role\.roles_execution_role_\w+\.arn\}$/);
    expect(text).toContain(BUCKET);
    expect(text).not.toMatch(/<[a-z-]+>/);
  });

  it('leaves to Terraform no text of a model that looks like an expression', () => {
    const text = String(jobTaskOf(aManifest()).body['container_definitions']);
    expect(text).toContain('Marks $${the} brain, 100 %%{of} it.');
    const expressions = [...text.matchAll(/(?<!\$)\$\{([^}]*)\}/g)].map(([, inner]) => inner?.split('.')[0]);
    expect([...new Set(expressions)].sort()).toEqual(['aws_cloudwatch_log_group', 'data']);
  });

  it('keeps its old revisions, which claims have pinned', () => {
    expect(jobTaskOf(aManifest()).body).toMatchObject({ skip_destroy: true });
  });

  it('is known by model and version', () => {
    const { task } = jobTaskOf(aManifest());
    expect([task.key, task.family]).toEqual(['brain-mri@1.0.0', 'bpi-test-job-brain-mri']);
  });

  it('takes no image without a digest', () => {
    const images = { ...IMAGES, stager: 'registry/bpi/stager:1' };
    expect(() => jobTaskOf(aManifest(), { images })).toThrow('add its digest');
  });
});

describe('a model that the machines have no room for', () => {
  it.each([
    [{ memory_mib: 14_000 }, 'The task of brain-mri needs 17072 MiB with its stages and gpu.size xlarge has 14500'],
    [{ cpus: 5 }, 'The task of brain-mri needs 5 CPUs and gpu.size xlarge has 4'],
    [{ gpu_memory_mib: 16_000 }, 'The model brain-mri needs 16000 MiB of GPU memory and the GPU of g4dn has 15360'],
  ])('is refused: %j', (resources, sentence) => {
    expect(() => jobTaskOf(aManifest(resources))).toThrow(sentence);
  });

  it('fits a larger size, and another family', () => {
    jobTaskOf(aManifest({ memory_mib: 14_000, cpus: 5 }), { machine: { size: '2xlarge', families: ['g4dn'] } });
    jobTaskOf(aManifest({ gpu_memory_mib: 16_000 }), { machine: { size: 'xlarge', families: ['g5'] } });
  });
});

/** `$${` and `%%{` stand for themselves in a text of Terraform's. */
function asTerraformReads(text: string): string {
  return text.replaceAll('$${', () => '${').replaceAll('%%{', () => '%{');
}

function stagerLogOptions(text: string): Record<string, string> {
  const [stageIn] = JSON.parse(text) as ReturnType<typeof buildJobTask>['containerDefinitions']; // what the builder made
  return stageIn?.logConfiguration.options ?? {};
}
