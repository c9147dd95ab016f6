import { buildJobTask, type JobContainer } from '@bpi/adapters-aws';
import { LIMITS, type ModelManifest } from '@bpi/job-contract';
import { EcsTaskDefinition } from '@cdktf/provider-aws/lib/ecs-task-definition/index.js';
import { Construct } from 'constructs';
import { checkFit, type MachineSize } from './job-task-fit.ts';
import type { JobTaskRoles } from './job-task-roles.ts';
import type { StackContext } from '../stack-context.ts';

export type JobTaskSettings = {
  manifest: ModelManifest;
  /** Each ends in its digest. */
  images: { stager: string; model: string };
  bucketName: string;
  taskEventsQueueUrl: string;
  roles: JobTaskRoles;
  logGroupName: string;
  /** A folder of the machine with the model's weights, if they are not in its image. */
  weights: { sourcePath: string } | null;
  /** What it has to run on. */
  machine: MachineSize;
};

/** The largest images take a quarter of an hour to pull. */
export const MODEL_START_MS_MAX = 30 * 60 * 1_000;

/**
 * Where the builder gets a name of the stack: Terraform's expression takes its place in the finished text, so that
 * everything else in it can be made literal.
 */
const PLACES = { bucket: '<bucket>', taskEventsQueueUrl: '<task-events-queue-url>', logGroup: '<log-group>' } as const;

/** The task definition of one version of a model, as the adapter that starts it builds it. */
export class JobTask extends Construct {
  readonly arn: string;
  /** What the catalogue knows it by, such as `brain-mri@1.0.0`. */
  readonly key: string;
  readonly family: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: JobTaskSettings) {
    super(scope, id);
    const { manifest, images, weights, roles, machine } = settings;
    const task = buildJobTask({
      ...PLACES,
      manifest,
      family: context.name(`job-${manifest.name}`),
      images,
      region: context.region,
      roles: { task: roles.task.arn, execution: roles.execution.arn },
      weights,
      outputBytesMax: LIMITS.outputBytesMax,
      startDeadlineMs: MODEL_START_MS_MAX,
    });
    checkFit(manifest, task.containerDefinitions, machine);
    const definition = new EcsTaskDefinition(this, 'definition', {
      family: task.family,
      networkMode: task.networkMode,
      requiresCompatibilities: task.requiresCompatibilities,
      runtimePlatform: task.runtimePlatform,
      taskRoleArn: task.taskRoleArn,
      executionRoleArn: task.executionRoleArn,
      volume: task.volumes.map(({ name, host: { sourcePath } }) =>
        sourcePath === undefined ? { name } : { name, hostPath: sourcePath },
      ),
      containerDefinitions: containersText(task.containerDefinitions, settings),
      // A claim pins its revision: old ones stay, until no worker launches them any more.
      skipDestroy: true,
    });
    this.arn = definition.arn;
    this.key = `${manifest.name}@${manifest.version}`;
    this.family = task.family;
  }
}

/** Terraform would read `${` and `%{` in a shell script or a description as its own. */
function containersText(containers: JobContainer[], settings: JobTaskSettings): string {
  const { bucketName, taskEventsQueueUrl, logGroupName } = settings;
  return JSON.stringify(containers)
    .replaceAll('${', () => '$${')
    .replaceAll('%{', () => '%%{')
    .replaceAll(PLACES.bucket, () => bucketName)
    .replaceAll(PLACES.taskEventsQueueUrl, () => taskEventsQueueUrl)
    .replaceAll(PLACES.logGroup, () => logGroupName);
}
