import { Construct } from 'constructs';
import type { ITerraformDependable } from 'cdktf';
import { FargateService, type ServiceNetwork } from './fargate-service.ts';
import { platformEnvironment, type JobPlaces } from './service-access.ts';
import { ServiceRole } from '../service-role.ts';
import type { StackContext } from '../stack-context.ts';
import { workerStatements, type JobMachinery } from './worker-access.ts';

export type WorkerServiceSettings = {
  image: string;
  size: { cpuUnits: number; memoryMiB: number; tasks: number };
  network: ServiceNetwork;
  logGroupName: string;
  executionRole: Construct & { arn: string };
  places: JobPlaces;
  machinery: JobMachinery;
  /** What must be whole before a task of it runs. */
  after: readonly ITerraformDependable[];
};

/** The worker's own default for its health checks, on loopback. */
export const WORKER_PORT = 8081;

/**
 * On SIGTERM the worker ends the steps under way, a launch among them (25 s with its repeat). One that is killed in the
 * middle is harmless: another worker goes on.
 */
export const WORKER_STOP_TIMEOUT_S = 60;

/**
 * Moves jobs on: one Fargate service, and what it may touch. Any number of tasks may run beside each other. It writes no
 * file: what it puts is in memory, and results are copied within S3.
 */
export class WorkerService extends Construct {
  readonly name: string;
  readonly groupId: string;
  readonly ready: readonly ITerraformDependable[];

  constructor(scope: Construct, id: string, context: StackContext, settings: WorkerServiceSettings) {
    super(scope, id);
    const { image, size, network, logGroupName, executionRole, places, machinery, after } = settings;
    const taskRole = new ServiceRole(this, 'role', context, {
      name: 'worker-task',
      description: 'What the worker may do.',
      service: 'ecs-tasks.amazonaws.com',
      statements: workerStatements(places, machinery, context),
    });
    const service = new FargateService(this, 'fargate', context, {
      ...size,
      ...{ image, network, logGroupName, executionRole, taskRole, after },
      clusterArn: machinery.cluster.arn,
      name: 'worker',
      environment: workerEnvironment({ places, machinery }, context.region),
      port: WORKER_PORT,
      scratchDir: null,
      stopTimeoutS: WORKER_STOP_TIMEOUT_S,
      ingress: null,
    });
    this.name = service.name;
    this.groupId = service.groupId;
    this.ready = service.ready;
  }
}

type WorkerEnvironment = Pick<WorkerServiceSettings, 'places' | 'machinery'>;

/** As apps/worker/src/config.aws.ts takes it; what has a good default there is left out. */
export function workerEnvironment(settings: WorkerEnvironment, region: string): Record<string, string> {
  const { places, machinery } = settings;
  const definitions = Object.fromEntries(machinery.jobTasks.map(({ key, arn }) => [key, arn]));
  return {
    ...platformEnvironment(places, region),
    CLUSTER: machinery.cluster.arn,
    TASK_DEFINITIONS: JSON.stringify(definitions),
    TASK_EVENTS_QUEUE_URL: machinery.taskEvents.url,
  };
}
