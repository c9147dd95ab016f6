import { RunTaskCommand, type ECSClient } from '@aws-sdk/client-ecs';
import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { DeleteMessageCommand, ReceiveMessageCommand, type Message, type SQSClient } from '@aws-sdk/client-sqs';
import type { Log } from '@bpi/job-contract';
import type { LaunchResult, ListedTask, Observation, TaskEvent, TaskId, TaskRunner, TaskSpec } from '@bpi/jobs';
import { AwsError, throwAwsError } from '../aws-error.ts';
import type { AwsOperation } from '../aws-operation.ts';
import { unlessNotOurs } from '../sqs/job-queue.ts';
import { parseTaskNews, type TaskNews } from '../sqs/task-events.ts';
import { EcsCalls } from './ecs-calls.ts';
import { attemptOfTask, isStopped, type EcsTask } from './ecs-task.ts';
import { launchResultOf, launchResultOfError } from './launch-result.ts';
import { observe } from './observe.ts';
import { buildRunTaskInput, startedByOf, type AttemptId } from './run-task-input.ts';
import { STOP_REASONS } from './stop-cause.ts';
import { TaskPictures } from './task-pictures.ts';

/** Of the task-events queue; the others are in `ECS_TASK_RUNNER_OPERATIONS`. */
export const TASK_EVENTS_OPERATIONS: readonly AwsOperation[] = ['sqs:DeleteMessage', 'sqs:ReceiveMessage'];

const TERMINATED_KEPT_MAX = 1_000;
const RECEIVE = { max: 10, waitS: 20, visibilityS: 30 } as const;

export type EcsTaskRunnerSettings = {
  /** ARN. The cluster's capacity providers are the pools. */
  cluster: string;
  taskEventsQueueUrl: string;
  /** `model@version` → ARN of a task definition's revision. */
  definitions: Readonly<Record<string, string>>;
  log: Log;
};

/**
 * One ECS task per attempt. ECS tells of changes late, twice and out of order, and its answers lag behind its events:
 * the newest picture of a task counts. A STOPPED task is no proof that its containers are dead (a machine may have been
 * cut off), which is why what an attempt stores is fenced by its epoch.
 */
export class EcsTaskRunner implements TaskRunner {
  readonly #calls: EcsCalls;
  readonly #sqs: SQSClient;
  readonly #settings: EcsTaskRunnerSettings;
  readonly #pictures = new TaskPictures();
  readonly #terminated = new Set<string>();

  constructor(
    clients: { ecs: ECSClient; autoScaling: AutoScalingClient; sqs: SQSClient },
    settings: EcsTaskRunnerSettings,
  ) {
    this.#calls = new EcsCalls(clients, settings.cluster);
    this.#sqs = clients.sqs;
    this.#settings = settings;
  }

  definitionOf({ name, version }: { name: string; version: string }): string | null {
    const { definitions } = this.#settings;
    const key = `${name}@${version}`;
    return Object.hasOwn(definitions, key) ? (definitions[key] ?? null) : null;
  }

  async launch(spec: TaskSpec): Promise<LaunchResult> {
    const { definition } = spec;
    if (definition === null) return { kind: 'refused', code: 'model_unavailable' };
    try {
      const answer = await this.#calls.ecs.send(
        new RunTaskCommand(buildRunTaskInput({ ...spec, definition }, this.#settings)),
      );
      const result = launchResultOf(answer);
      if (result === null) throw new AwsError('RunTask', { name: 'EmptyAnswer' });
      return result;
    } catch (error) {
      return launchResultOfError(error) ?? throwAwsError('RunTask', error);
    }
  }

  async inspect(task: TaskId): Promise<Observation> {
    const seen = await this.#find(task);
    return seen === null ? { state: 'missing' } : observe(seen);
  }

  async stop(task: TaskId, mode: 'ask' | 'force'): Promise<void> {
    const seen = await this.#find(task);
    if (seen === null || isStopped(seen)) return;
    await this.#calls.stopTask(seen.taskArn, STOP_REASONS.asked);
    if (mode === 'ask' || seen.containerInstanceArn === null) return;
    const instanceId = await this.#calls.instanceOf(seen.containerInstanceArn);
    if (instanceId !== null) await this.#terminate(instanceId);
  }

  /** Once for each worker: each call makes the group smaller by one, and an instance takes minutes to go. */
  async #terminate(instanceId: string): Promise<void> {
    if (this.#terminated.has(instanceId)) return;
    await this.#calls.terminateInstance(instanceId);
    if (this.#terminated.size >= TERMINATED_KEPT_MAX) this.#terminated.clear();
    this.#terminated.add(instanceId);
  }

  async list(): Promise<ListedTask[]> {
    const [running, stopped] = await Promise.all([
      this.#calls.listTaskArns({ desiredStatus: 'RUNNING' }),
      this.#calls.listTaskArns({ desiredStatus: 'STOPPED' }),
    ]);
    const tasks = await this.#calls.describeTasks([...new Set([...running, ...stopped])]);
    return tasks.flatMap((described) => {
      const task = this.#pictures.newest(described);
      const attempt = attemptOfTask(task);
      if (attempt === null || this.#pictures.isForgotten(task.taskArn)) return [];
      return [{ ...attempt, ref: task.taskArn, live: !isStopped(task) }];
    });
  }

  async remove(task: TaskId): Promise<void> {
    const seen = await this.#find(task);
    if (seen !== null && isStopped(seen)) this.#pictures.forget(seen.taskArn);
  }

  async *events(signal: AbortSignal): AsyncIterable<TaskEvent> {
    while (!signal.aborted) {
      let failure: unknown = null;
      for (const message of await this.#receive(signal)) {
        try {
          yield* await this.#eventsOf(parseTaskNews(message.Body, this.#settings.cluster), sentAtMs(message));
          await this.#delete(message);
        } catch (error) {
          // It comes again by itself; those received with it must not have to.
          failure ??= error;
        }
      }
      if (failure !== null) throw failure;
    }
  }

  /** By its name if that is known, else by who started it: a launch whose answer was lost left a task without a name. */
  async #find(task: TaskId): Promise<EcsTask | null> {
    if (task.ref !== null) return this.#describe(task.ref);
    const startedBy = startedByOf(task);
    // Who started it must be the only filter, and finds tasks that are to run; stopped ones have to be gone through.
    const [live] = await this.#calls.listTaskArns({ startedBy });
    if (live !== undefined) return this.#describe(live);
    const stopped = await this.#calls.describeTasks(await this.#calls.listTaskArns({ desiredStatus: 'STOPPED' }));
    const found = stopped.find((candidate) => candidate.startedBy === startedBy);
    return found === undefined || this.#pictures.isForgotten(found.taskArn) ? null : this.#pictures.newest(found);
  }

  async #describe(taskArn: string): Promise<EcsTask | null> {
    if (this.#pictures.isForgotten(taskArn)) return null;
    const known = this.#pictures.stopped(taskArn);
    if (known !== null) return known;
    if (!taskArn.startsWith('arn:')) return null;
    const [described] = await this.#calls.describeTasks([taskArn]);
    // An event may have come while ECS was asked.
    return described === undefined ? this.#pictures.stopped(taskArn) : this.#pictures.newest(described);
  }

  async #eventsOf(news: TaskNews, atMs: number | null): Promise<TaskEvent[]> {
    switch (news.kind) {
      case 'task':
        this.#pictures.newest(news.task);
        return [{ kind: 'changed', jobId: news.jobId, epoch: news.epoch }];
      case 'progress':
        return [{ ...news, atMs }];
      case 'heartbeat':
        return [{ kind: 'changed', jobId: news.jobId, epoch: news.epoch }];
      case 'interruption':
        return (await this.#stopTasksOn(news.instanceId)).map((attempt) => ({ kind: 'changed', ...attempt }));
      case 'dropped':
        this.#settings.log('task.event.dropped', { reason: news.reason });
        return [];
    }
  }

  /**
   * ECS does not drain tasks that no service owns, so the two minutes of a Spot notice are ours to use. The machine is
   * drained meanwhile, or the next attempt may well land there; if that fails, the tasks are stopped all the same.
   */
  async #stopTasksOn(instanceId: string): Promise<AttemptId[]> {
    const containerInstances = await this.#calls.containerInstancesOf(instanceId);
    if (containerInstances.length === 0) return [];
    const draining = this.#calls.drain(containerInstances);
    const [stopped] = await Promise.all([this.#interrupt(containerInstances), draining]);
    return stopped;
  }

  async #interrupt(containerInstances: readonly string[]): Promise<AttemptId[]> {
    const stopped: AttemptId[] = [];
    for (const containerInstance of containerInstances) {
      const arns = await this.#calls.listTaskArns({ containerInstance });
      for (const task of await this.#calls.describeTasks(arns)) {
        const attempt = attemptOfTask(task);
        if (attempt === null) continue;
        await this.#calls.stopTask(task.taskArn, STOP_REASONS.interrupted);
        this.#settings.log('task.interrupted', attempt);
        stopped.push(attempt);
      }
    }
    return stopped;
  }

  async #receive(signal: AbortSignal): Promise<Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#settings.taskEventsQueueUrl,
      MaxNumberOfMessages: RECEIVE.max,
      WaitTimeSeconds: RECEIVE.waitS,
      VisibilityTimeout: RECEIVE.visibilityS,
      MessageSystemAttributeNames: ['SentTimestamp'],
    });
    try {
      const { Messages } = await this.#sqs.send(command, { abortSignal: signal });
      return Messages ?? [];
    } catch (error) {
      return signal.aborted ? [] : throwAwsError('ReceiveMessage', error);
    }
  }

  async #delete({ ReceiptHandle }: Message): Promise<void> {
    const command = new DeleteMessageCommand({ QueueUrl: this.#settings.taskEventsQueueUrl, ReceiptHandle });
    await this.#sqs.send(command).catch((error: unknown) => unlessNotOurs('DeleteMessage', error));
  }
}

/** By SQS's clock; a message may be delivered after one that was sent later. */
function sentAtMs({ Attributes }: Message): number | null {
  const atMs = Number(Attributes?.SentTimestamp ?? Number.NaN);
  return Number.isSafeInteger(atMs) ? atMs : null;
}
