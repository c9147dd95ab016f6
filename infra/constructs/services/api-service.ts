import { Construct } from 'constructs';
import type { ITerraformDependable } from 'cdktf';
import { FargateService, type ServiceIngress, type ServiceNetwork } from './fargate-service.ts';
import { objectAccess } from '../object-access.ts';
import { allow, type Statement } from '../policy.ts';
import { platformEnvironment, tableAccess, type JobPlaces } from './service-access.ts';
import { ServiceRole } from '../service-role.ts';
import type { StackContext } from '../stack-context.ts';

export type ApiServiceSettings = {
  image: string;
  size: { cpuUnits: number; memoryMiB: number; tasks: number };
  clusterArn: string;
  network: ServiceNetwork;
  logGroupName: string;
  executionRole: Construct & { arn: string };
  places: JobPlaces;
  /** For requests that name no model; null = they must. */
  defaultModel: string | null;
  /** As much as the ingress lets through; null = as much as the API takes. */
  uploadBytesMax: number | null;
  /** How long requests may still come after SIGTERM; 0 where the ingress sends none any more. */
  listenAfterStopMs: number;
  ingress: ServiceIngress;
  /** What must be whole before a task of it runs. */
  after: readonly ITerraformDependable[];
};

/** The API's own default. */
export const API_PORT = 8080;

/**
 * Longer than the API goes on answering behind API Gateway (20 s) and then lets requests under way finish (`shutdownMs`,
 * 30 s); behind a load balancer they had the time of its deregistration before.
 */
export const API_STOP_TIMEOUT_S = 70;

/**
 * The volume of apps/api/Dockerfile. Fargate's 20 GiB of disk are enough, less the image: an upload of 1 GiB takes
 * three times its size (as it came, rebuilt, spooled for S3), so the four that one client may have under way take 12
 * GiB, and 0.25 GiB stay free. Whatever would need more is refused before it is read, as `storage_full`, and may be
 * sent again. Larger disks cost by the hour.
 */
const SCRATCH_DIR = '/scratch';

/** Takes jobs and tells of them: one Fargate service, and what it may touch. */
export class ApiService extends Construct {
  readonly name: string;
  readonly groupId: string;
  readonly ready: readonly ITerraformDependable[];

  constructor(scope: Construct, id: string, context: StackContext, settings: ApiServiceSettings) {
    super(scope, id);
    const taskRole = new ServiceRole(this, 'role', context, {
      name: 'api-task',
      description: 'What the API may do.',
      service: 'ecs-tasks.amazonaws.com',
      statements: apiStatements(settings.places),
    });
    const { image, size, clusterArn, network, logGroupName, executionRole, ingress, after } = settings;
    const service = new FargateService(this, 'fargate', context, {
      ...size,
      ...{ image, clusterArn, network, logGroupName, executionRole, taskRole, ingress, after },
      name: 'api',
      environment: apiEnvironment(settings, context.region),
      port: API_PORT,
      scratchDir: SCRATCH_DIR,
      stopTimeoutS: API_STOP_TIMEOUT_S,
    });
    this.name = service.name;
    this.groupId = service.groupId;
    this.ready = service.ready;
  }
}

type ApiEnvironment = Pick<ApiServiceSettings, 'places' | 'defaultModel' | 'uploadBytesMax' | 'listenAfterStopMs'>;

/** As apps/api/src/config.aws.ts takes it; what has a good default there is left out. */
export function apiEnvironment(settings: ApiEnvironment, region: string): Record<string, string> {
  const { places, defaultModel, uploadBytesMax, listenAfterStopMs } = settings;
  return {
    ...platformEnvironment(places, region),
    ...(listenAfterStopMs === 0 ? {} : { LISTEN_AFTER_STOP_MS: String(listenAfterStopMs) }),
    SCRATCH_DIR,
    ...(defaultModel === null ? {} : { DEFAULT_MODEL: defaultModel }),
    ...(uploadBytesMax === null ? {} : { UPLOAD_BYTES_MAX: String(uploadBytesMax) }),
  };
}

/** It never deletes an object, receives a message or sees a task: those are the worker's. */
export function apiStatements(places: JobPlaces): Statement[] {
  return [
    ...tableAccess(places),
    ...objectAccess(places.bucket.arn),
    allow({
      sid: 'WakeTheWorker',
      actions: ['sqs:GetQueueAttributes', 'sqs:SendMessage'],
      resources: [places.jobQueue.arn],
    }),
  ];
}
