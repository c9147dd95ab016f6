import type { ModelManifest } from '@bpi/job-contract';
import type { ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import { Cluster } from '../constructs/compute/cluster.ts';
import { GpuMachine } from '../constructs/compute/gpu-machine.ts';
import { GpuPool } from '../constructs/compute/gpu-pool.ts';
import { WEIGHTS_FOLDER } from '../constructs/compute/gpu-user-data.ts';
import type { JobBucket } from '../constructs/stores/job-bucket.ts';
import { JobTaskRoles } from '../constructs/compute/job-task-roles.ts';
import { JobTask } from '../constructs/compute/job-task.ts';
import { LogGroup } from '../constructs/log-group.ts';
import type { MessageQueue } from '../constructs/stores/message-queue.ts';
import type { Network } from '../constructs/network/network.ts';
import { PROJECT_PREFIX, type StackContext } from '../constructs/stack-context.ts';
import { TaskEvents } from '../constructs/compute/task-events.ts';
import type { JobMachinery } from '../constructs/services/worker-access.ts';
import { pinnedWeights } from './check-models.ts';
import { imageOf, type Images } from './images.ts';
import { logGroupName, repositoryArn } from './names.ts';
import type { PlatformSettings } from './settings.ts';

export type GpuPlatformSettings = {
  settings: PlatformSettings;
  manifests: readonly ModelManifest[];
  images: Images;
  network: Network;
  bucket: JobBucket;
  taskEvents: MessageQueue;
};

type Pool = { name: string; groupName: string; slots: number };

/** What jobs run on, and the task of each model: a cluster, a pool of Spot machines, and a steadier one behind it. */
export class GpuPlatform extends Construct {
  /** What the worker needs of it. */
  readonly machinery: JobMachinery;
  readonly poolsByKind: Readonly<Record<'spot' | 'on-demand', Pool>>;
  /** Where jobs begin, then where they go after interruptions. */
  readonly pools: readonly Pool[];
  /** EventBridge's rules, by a word for each. */
  readonly eventRules: Readonly<Record<string, string>>;
  /** Before this a task that is started is refused. */
  readonly ready: readonly ITerraformDependable[];

  constructor(scope: Construct, id: string, context: StackContext, settings: GpuPlatformSettings) {
    super(scope, id);
    const { containerInsights } = settings.settings;
    const cluster = new Cluster(this, 'cluster', context, { containerInsights });
    const [spot, onDemand] = this.#pools(context, cluster, settings);
    this.poolsByKind = { spot, 'on-demand': onDemand };
    this.pools = [spot, onDemand];
    this.ready = [cluster.attach(this.pools.map(({ name }) => name))];
    const { ruleNames } = new TaskEvents(this, 'events', context, {
      clusterArn: cluster.arn,
      queue: settings.taskEvents,
    });
    this.eventRules = ruleNames;
    const { taskEvents } = settings;
    this.machinery = {
      cluster,
      taskEvents,
      groupArns: [spot.groupArn, onDemand.groupArn],
      ...this.#tasks(context, settings),
    };
  }

  #pools(context: StackContext, cluster: Cluster, given: GpuPlatformSettings): [GpuPool, GpuPool] {
    const { network, manifests } = given;
    const { gpu } = given.settings;
    const { size, families, rootVolumeGiB, terminationProtection } = gpu;
    const weights = pinnedWeights(gpu.weights, manifests);
    const weightsBucketName = `${PROJECT_PREFIX}-weights-${context.accountId}`;
    const machine = new GpuMachine(this, 'machine', context, {
      ...{ cluster, network, size, families, rootVolumeGiB, weights, weightsBucketName },
    });
    const pool = (kind: 'spot' | 'on-demand', max: number) =>
      new GpuPool(this, kind, context, { kind, max, machine, terminationProtection, network });
    return [pool('spot', gpu.spotMax), pool('on-demand', gpu.onDemandMax)];
  }

  #tasks(context: StackContext, { settings, manifests, images, bucket, taskEvents }: GpuPlatformSettings) {
    const logs = new LogGroup(this, 'job-logs', context, { name: logGroupName(context, 'jobs') });
    const roles = new JobTaskRoles(this, 'job-roles', context, {
      bucketArn: bucket.arn,
      taskEventsQueueArn: taskEvents.arn,
      repositoryArns: ['stager', ...manifests.map(({ name }) => name)].map((name) => repositoryArn(context, name)),
      logGroupArn: logs.arn,
    });
    const { gpu } = settings;
    const jobTasks = manifests.map(
      (manifest) =>
        new JobTask(this, `job-${manifest.name}`, context, {
          manifest,
          images: { stager: imageOf(images, 'stager'), model: imageOf(images, manifest.name) },
          bucketName: bucket.name,
          taskEventsQueueUrl: taskEvents.url,
          roles,
          logGroupName: logs.name,
          weights: gpu.weights.includes(manifest.name) ? { sourcePath: `${WEIGHTS_FOLDER}/${manifest.name}` } : null,
          machine: { size: gpu.size, families: gpu.families },
        }),
    );
    return { jobTasks, jobTaskRoles: { task: roles.task.arn, execution: roles.execution.arn } };
  }
}
