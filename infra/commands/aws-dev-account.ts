import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetInstanceProtectionCommand,
  UpdateAutoScalingGroupCommand,
  type AutoScalingGroup,
} from '@aws-sdk/client-auto-scaling';
import { DescribeTableCommand, DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import {
  DeleteTaskDefinitionsCommand,
  DeregisterTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTaskDefinitionFamiliesCommand,
  ListTaskDefinitionsCommand,
  ListTasksCommand,
  StopTaskCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { CommandError } from './command-error.ts';
import type { DevAccount, Presence } from './dev-account.ts';

const CREDENTIALS_MS_MAX = 20_000;
/** ECS answers in a second or two; Deregister is throttled, and tried again by the SDK. */
const LIMITS = { maxAttempts: 8, requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000 } } as const;

/** Pages of 100: far more than a dev environment ever holds. */
const PAGES_MAX = 100;
/** Limits of one call, as the API references of ECS and Auto Scaling state them. */
const DESCRIBED_TASKS_MAX = 100;
const DELETED_DEFINITIONS_MAX = 10;
const PROTECTED_INSTANCES_MAX = 50;

export type AwsDevAccountSettings = {
  region: string;
  cluster: string;
  /** For tests: all services at one address. */
  endpoint?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
};

/** Whether the SDK's own chain (environment, profile, web identity, container, instance) finds any. */
export async function findCredentials(): Promise<boolean> {
  // The chain is the same for every service and region; no call is made.
  const client = new ECSClient({ region: 'us-east-1' });
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, CREDENTIALS_MS_MAX, false)));
    return await Promise.race([client.config.credentials().then(() => true), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    client.destroy();
  }
}

/** Thin senders, one idea each. */
export class AwsDevAccount implements DevAccount {
  readonly #cluster: string;
  readonly #ecs: ECSClient;
  readonly #autoScaling: AutoScalingClient;
  readonly #dynamo: DynamoDBClient;

  constructor({ cluster, ...settings }: AwsDevAccountSettings) {
    this.#cluster = cluster;
    this.#ecs = new ECSClient({ ...settings, ...LIMITS });
    this.#autoScaling = new AutoScalingClient({ ...settings, ...LIMITS });
    this.#dynamo = new DynamoDBClient({ ...settings, ...LIMITS });
  }

  stopService(service: string): Promise<Presence> {
    const command = new UpdateServiceCommand({ cluster: this.#cluster, service, desiredCount: 0 });
    const absent = ['ServiceNotFoundException', 'ServiceNotActiveException', 'ClusterNotFoundException'];
    return this.#ecs.send(command).then(done, unlessNamed(absent, notThere));
  }

  async tasks(): Promise<{ running: readonly string[]; stopping: readonly string[] }> {
    const running = await this.#listTasks('RUNNING');
    const stopping = await this.#notEnded(await this.#listTasks('STOPPED'));
    return { running, stopping };
  }

  async stopTask(task: string): Promise<void> {
    const reason = 'The environment is being destroyed.';
    const command = new StopTaskCommand({ cluster: this.#cluster, task, reason });
    // ECS says so of a task that ended long ago.
    await this.#ecs.send(command).then(done, unlessNamed(['InvalidParameterException'], notThere));
  }

  async closeGroup(group: string): Promise<Presence> {
    if ((await this.#group(group)) === null) return 'not there';
    const command = new UpdateAutoScalingGroupCommand({
      AutoScalingGroupName: group,
      MinSize: 0,
      MaxSize: 0,
      DesiredCapacity: 0,
      NewInstancesProtectedFromScaleIn: false,
    });
    await this.#autoScaling.send(command);
    return 'done';
  }

  async releaseMachines(group: string): Promise<number> {
    const machines = (await this.#group(group))?.Instances ?? [];
    const kept = machines.flatMap(({ InstanceId, ProtectedFromScaleIn }) =>
      ProtectedFromScaleIn === true && InstanceId !== undefined ? [InstanceId] : [],
    );
    for (const ids of inBatches(kept, PROTECTED_INSTANCES_MAX)) {
      const command = new SetInstanceProtectionCommand({
        AutoScalingGroupName: group,
        InstanceIds: ids,
        ProtectedFromScaleIn: false,
      });
      // It says so of a machine that has begun to end meanwhile.
      await this.#autoScaling.send(command).then(done, unlessNamed(['ValidationError'], notThere));
    }
    return machines.length;
  }

  async unprotectTable(table: string): Promise<Presence> {
    const described = await this.#dynamo
      .send(new DescribeTableCommand({ TableName: table }))
      .catch(unlessNamed(['ResourceNotFoundException'], () => null));
    if (described === null) return 'not there';
    if (described.Table?.DeletionProtectionEnabled !== true) return 'done';
    await this.#dynamo.send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: false }));
    return 'done';
  }

  taskFamilies(prefix: string): Promise<readonly string[]> {
    return allPages(async (nextToken) => {
      const command = new ListTaskDefinitionFamiliesCommand({ familyPrefix: prefix, status: 'ALL', nextToken });
      const page = await this.#ecs.send(command);
      return { items: page.families ?? [], next: page.nextToken };
    });
  }

  async deleteTaskDefinitions(family: string): Promise<number> {
    for (const taskDefinition of await this.#listDefinitions(family, 'ACTIVE')) {
      await this.#ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition }));
    }
    const inactive = await this.#listDefinitions(family, 'INACTIVE');
    for (const taskDefinitions of inBatches(inactive, DELETED_DEFINITIONS_MAX)) {
      const { failures = [] } = await this.#ecs.send(new DeleteTaskDefinitionsCommand({ taskDefinitions }));
      if (failures.length === 0) continue;
      const why = failures.map(({ arn, reason }) => `${arn ?? family} (${reason ?? 'no reason'})`).join(', ');
      throw new CommandError(`ECS did not delete ${why}: run this again.`);
    }
    return inactive.length;
  }

  #listTasks(desiredStatus: 'RUNNING' | 'STOPPED'): Promise<string[]> {
    return allPages(async (nextToken) => {
      const command = new ListTasksCommand({ cluster: this.#cluster, desiredStatus, nextToken });
      const page = await this.#ecs.send(command).catch(unlessNamed(['ClusterNotFoundException'], () => null));
      return { items: page?.taskArns ?? [], next: page?.nextToken };
    });
  }

  /** Those that are to stop and have not yet; ECS lists a task that has for an hour more. */
  async #notEnded(taskArns: readonly string[]): Promise<string[]> {
    const left: string[] = [];
    for (const tasks of inBatches(taskArns, DESCRIBED_TASKS_MAX)) {
      const answer = await this.#ecs.send(new DescribeTasksCommand({ cluster: this.#cluster, tasks }));
      for (const { taskArn, lastStatus } of answer.tasks ?? []) {
        if (taskArn !== undefined && lastStatus !== 'STOPPED') left.push(taskArn);
      }
    }
    return left;
  }

  #listDefinitions(familyPrefix: string, status: 'ACTIVE' | 'INACTIVE'): Promise<string[]> {
    return allPages(async (nextToken) => {
      const page = await this.#ecs.send(new ListTaskDefinitionsCommand({ familyPrefix, status, nextToken }));
      return { items: page.taskDefinitionArns ?? [], next: page.nextToken };
    });
  }

  async #group(name: string): Promise<AutoScalingGroup | null> {
    const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] });
    return (await this.#autoScaling.send(command)).AutoScalingGroups?.[0] ?? null;
  }
}

async function allPages(
  page: (nextToken: string | undefined) => Promise<{ items: readonly string[]; next: string | undefined }>,
): Promise<string[]> {
  const all: string[] = [];
  let nextToken: string | undefined;
  for (let count = 0; count < PAGES_MAX; count += 1) {
    const { items, next } = await page(nextToken);
    all.push(...items);
    if (next === undefined) return all;
    nextToken = next;
  }
  return all;
}

function inBatches(items: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

const done = (): Presence => 'done';
const notThere = (): Presence => 'not there';

/** For errors of these names; any other is raised. */
function unlessNamed<T>(names: readonly string[], otherwise: () => T): (error: unknown) => T {
  return (error) => {
    if (typeof error === 'object' && error !== null && 'name' in error && names.includes(String(error.name))) {
      return otherwise();
    }
    throw error;
  };
}
