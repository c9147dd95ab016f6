import { REQUIRED_SETTINGS } from '@bpi/adapters-aws';
import { metricsNamespaceOf, type ModelManifest } from '@bpi/job-contract';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { TerraformOutput, TerraformStack, TerraformVariable, type App } from 'cdktf';
import { AlertTopic } from '../constructs/watch/alert-topic.ts';
import { Alarms } from '../constructs/watch/alarms.ts';
import { ApiGatewayIngress } from '../constructs/ingress/api-gateway-ingress.ts';
import { API_PORT, ApiService } from '../constructs/services/api-service.ts';
import { Budget } from '../constructs/watch/budget.ts';
import { EncryptionKey } from '../constructs/stores/encryption-key.ts';
import { InternalAlb } from '../constructs/ingress/internal-alb.ts';
import { JobBucket } from '../constructs/stores/job-bucket.ts';
import { JobTable } from '../constructs/stores/job-table.ts';
import { LogGroup } from '../constructs/log-group.ts';
import { MessageQueue } from '../constructs/stores/message-queue.ts';
import { Network } from '../constructs/network/network.ts';
import { ServiceExecutionRole } from '../constructs/services/service-execution-role.ts';
import { PROJECT_PREFIX, type StackContext } from '../constructs/stack-context.ts';
import { WorkerService } from '../constructs/services/worker-service.ts';
import { GpuPlatform } from './gpu-platform.ts';
import { imageOf, type Images } from './images.ts';
import { logGroupName, repositoryArn } from './names.ts';
import type { PlatformSettings } from './settings.ts';
import { configureStack } from './synthesize.ts';

export type PlatformInputs = {
  settings: PlatformSettings;
  /** Every model that jobs may name. */
  manifests: readonly ModelManifest[];
  /** Of `api`, `worker`, `stager`, and of each model by its name. */
  images: Images;
};

/** A wake-up lies in the queue only until its job was started; a job's own deadline is days. */
const JOB_QUEUE = { name: 'jobs', retentionDays: 13, visibilityTimeoutS: 90 } as const;
/** An event that was received so often and never deleted is one that the worker cannot bear; the sweep sees its job. */
const TASK_EVENTS_QUEUE = {
  name: 'task-events',
  retentionDays: 4,
  visibilityTimeoutS: 60,
  maxReceiveCount: 10,
} as const;

/** One environment: everything between the address that a backend calls and the machine that a model runs on. */
export class PlatformStack extends TerraformStack {
  constructor(app: App, id: string, inputs: PlatformInputs) {
    super(app, id);
    const { settings } = inputs;
    configureStack(this, { id, region: settings.region });
    const context = this.#context(settings);
    const network = new Network(this, 'network', context, settings.network);
    const stores = this.#stores(context, settings);
    const gpu = new GpuPlatform(this, 'gpu', context, { ...inputs, network, ...stores });
    const url = this.#services(context, inputs, { network, stores, gpu });
    this.#watch(context, settings, { stores, gpu });
    const { bucket, table, jobQueue } = stores;
    const outputs = {
      ...{ api_url: url, bucket: bucket.name, table: table.name, job_queue: jobQueue.name },
      // For whoever connects the network of a backend with this one.
      ...{ vpc_id: network.vpcId, vpc_cidr: network.cidr, route_table_id: network.routeTableId },
    };
    for (const [name, value] of Object.entries(outputs)) new TerraformOutput(this, name, { value });
  }

  #context({ environment, region, logRetentionDays, encryption, data }: PlatformSettings): StackContext {
    const { accountId } = new DataAwsCallerIdentity(this, 'account');
    const place = { name: (part: string) => `${PROJECT_PREFIX}-${environment}-${part}`, region, accountId };
    const keyArn = encryption === 'own-key' ? new EncryptionKey(this, 'key', place, data).arn : null;
    return { ...place, logRetentionDays, keyArn };
  }

  #stores(context: StackContext, { data, ingress }: PlatformSettings) {
    const corsOrigins = ingress.kind === 'api-gateway' ? ingress.corsOrigins : [];
    return {
      bucket: new JobBucket(this, 'job-bucket', context, { ...data, corsOrigins }),
      table: new JobTable(this, 'job-table', context, data),
      jobQueue: new MessageQueue(this, 'job-queue', context, {
        ...JOB_QUEUE,
        maxReceiveCount: REQUIRED_SETTINGS.jobQueue.maxReceiveCount,
        policy: 'own',
      }),
      taskEvents: new MessageQueue(this, 'task-events-queue', context, { ...TASK_EVENTS_QUEUE, policy: 'elsewhere' }),
    };
  }

  /** @returns the address of the API. */
  #services(context: StackContext, { settings, images }: PlatformInputs, parts: Parts): string {
    const { network, stores, gpu } = parts;
    const logs = (name: string) => new LogGroup(this, `${name}-logs`, context, { name: logGroupName(context, name) });
    const [apiLogs, workerLogs] = [logs('api'), logs('worker')];
    const executionRole = new ServiceExecutionRole(this, 'service-execution', context, {
      repositoryArns: ['api', 'worker'].map((name) => repositoryArn(context, name)),
      logGroupArns: [apiLogs.arn, workerLogs.arn],
    });
    const metricsNamespace = metricsNamespaceOf(settings.environment);
    const places = { ...stores, keptDays: settings.data.keptDays, pools: gpu.pools, metricsNamespace };
    const common = { network, executionRole, places };
    const worker = new WorkerService(this, 'worker', context, {
      ...common,
      image: imageOf(images, 'worker'),
      size: settings.worker,
      logGroupName: workerLogs.name,
      machinery: gpu.machinery,
      after: gpu.ready,
    });
    const { ingress, url, uploadBytesMax, listenAfterStopMs } = this.#ingress(context, settings, network);
    new ApiService(this, 'api', context, {
      ...common,
      image: imageOf(images, 'api'),
      size: settings.api,
      clusterArn: gpu.machinery.cluster.arn,
      logGroupName: apiLogs.name,
      defaultModel: settings.defaultModel,
      uploadBytesMax,
      listenAfterStopMs,
      ingress,
      // An API of the next release may accept jobs that only a worker of the next release can run.
      after: worker.ready,
    });
    return url;
  }

  #ingress(context: StackContext, { ingress, data }: PlatformSettings, network: Network) {
    switch (ingress.kind) {
      case 'api-gateway': {
        const accessLogs = new LogGroup(this, 'access-logs', context, { name: logGroupName(context, 'access') });
        return new ApiGatewayIngress(this, 'ingress', context, {
          ...ingress,
          network,
          accessLogGroupArn: accessLogs.arn,
        });
      }
      case 'alb': {
        const { deletionProtection } = data;
        return new InternalAlb(this, 'ingress', context, { ...ingress, network, deletionProtection, port: API_PORT });
      }
    }
  }

  #watch(
    context: StackContext,
    { alerts, environment }: PlatformSettings,
    { stores, gpu }: Omit<Parts, 'network'>,
  ): void {
    const email = new TerraformVariable(this, 'alert_email', {
      type: 'string',
      description: 'Who gets the mails of alarms and budget.',
      nullable: false,
      // Plans of pull requests are read by many.
      sensitive: true,
    }).stringValue;
    const topic = new AlertTopic(this, 'alerts', context, { email });
    new Alarms(this, 'alarms', context, {
      ...alerts,
      metricsNamespace: metricsNamespaceOf(environment),
      topicArn: topic.arn,
      deadLetters: { jobs: stores.jobQueue.deadLetters.name, 'task-events': stores.taskEvents.deadLetters.name },
      eventRules: gpu.eventRules,
      pools: gpu.poolsByKind,
    });
    new Budget(this, 'budget', context, { usdPerMonth: alerts.budgetUsdPerMonth, email });
  }
}

type Parts = {
  network: Network;
  stores: { bucket: JobBucket; table: JobTable; jobQueue: MessageQueue; taskEvents: MessageQueue };
  gpu: GpuPlatform;
};
