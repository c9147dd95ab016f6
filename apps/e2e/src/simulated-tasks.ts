/** Tasks as ECS itself tells of them, asked past whatever stands in front of it for the workers. */
import type { AwsPlatform } from '@bpi/tools';
import { z } from 'zod';

const pageSchema = z.object({ taskArns: z.array(z.string()), nextToken: z.string().nullish() });

const taskSchema = z
  .object({
    taskArn: z.string(),
    lastStatus: z.string(),
    startedBy: z.string(),
    capacityProviderName: z.string(),
    taskDefinitionArn: z.string(),
    overrides: z.object({ containerOverrides: z.array(z.unknown()) }),
    stoppedReason: z.string().nullish(),
  })
  .transform((task) => {
    const [, jobId = '', epoch] = task.startedBy.split('/');
    return { ...task, jobId, epoch: Number(epoch), live: task.lastStatus !== 'STOPPED' };
  });
export type SimulatedTask = z.infer<typeof taskSchema>;

/** ECS's own limit for one DescribeTasks. */
const DESCRIBED_MAX = 100;

/** Every task that the simulated ECS remembers, stopped ones too. */
export async function allTasks(platform: AwsPlatform): Promise<SimulatedTask[]> {
  const found = new Set<string>(); // a task may pass from one list to the other between two calls
  for (const desiredStatus of ['RUNNING', 'STOPPED']) {
    let nextToken: string | null | undefined;
    do {
      const page = pageSchema.parse(
        await callEcs(platform, 'ListTasks', { desiredStatus, ...(nextToken && { nextToken }) }),
      );
      for (const arn of page.taskArns) found.add(arn);
      nextToken = page.nextToken;
    } while (nextToken);
  }
  const arns = [...found];
  const tasks: SimulatedTask[] = [];
  for (let from = 0; from < arns.length; from += DESCRIBED_MAX) {
    const described = await callEcs(platform, 'DescribeTasks', { tasks: arns.slice(from, from + DESCRIBED_MAX) });
    tasks.push(...z.object({ tasks: z.array(taskSchema) }).parse(described).tasks);
  }
  return tasks;
}

/** Those that are not STOPPED: their containers may still write. */
export async function liveTasks(platform: AwsPlatform): Promise<SimulatedTask[]> {
  return (await allTasks(platform)).filter(({ live }) => live);
}

/** A second task for the attempt of this one, as nobody but a broken platform would start it. Resolves with its ARN. */
export async function startAgain(platform: AwsPlatform, task: SimulatedTask): Promise<string> {
  const answer = await callEcs(platform, 'RunTask', {
    taskDefinition: task.taskDefinitionArn,
    capacityProviderStrategy: [{ capacityProvider: task.capacityProviderName, weight: 1 }],
    startedBy: task.startedBy,
    overrides: task.overrides,
  });
  const [started] = z.object({ tasks: z.array(taskSchema) }).parse(answer).tasks;
  if (started === undefined) throw new Error('the simulator started no task');
  return started.taskArn;
}

/** One call of ECS's own protocol, for what the platform never asks. Signatures are not checked. */
async function callEcs(platform: AwsPlatform, operation: string, input: Record<string, unknown>): Promise<unknown> {
  const answer = await fetch(platform.simulator.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `AmazonEC2ContainerServiceV20141113.${operation}`,
    },
    body: JSON.stringify({ cluster: platform.simulator.clusterArn, ...input }),
  });
  if (!answer.ok) throw new Error(`${operation}: ${await answer.text()}`);
  return answer.json();
}
