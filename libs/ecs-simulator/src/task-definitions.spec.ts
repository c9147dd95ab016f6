import {
  DeregisterTaskDefinitionCommand,
  DescribeTaskDefinitionCommand,
  RegisterTaskDefinitionCommand,
  type ContainerDefinition,
  type RegisterTaskDefinitionCommandInput,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startHarness, type Harness } from './testing/simulator-harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const main: ContainerDefinition = { name: 'main', image: 'any', memory: 100 };
const side: ContainerDefinition = { name: 'side', image: 'any', memory: 100, essential: false };
const register = (
  containerDefinitions: ContainerDefinition[],
  more: Partial<RegisterTaskDefinitionCommandInput> = {},
) => harness.ecs.send(new RegisterTaskDefinitionCommand({ family: 'f', containerDefinitions, ...more }));

describe('a task definition is refused', () => {
  const on = (containerName: string, condition: 'START' | 'COMPLETE' | 'SUCCESS' | 'HEALTHY') => ({
    dependsOn: [{ containerName, condition }],
  });
  const refused: readonly [string, ContainerDefinition[]][] = [
    ['without an essential container', [side]],
    ['with two containers of one name', [main, { ...side, name: 'main' }]],
    ['without memory', [{ name: 'main', image: 'any' }]],
    ['with a reservation that is not below the limit', [{ ...main, memoryReservation: 100 }]],
    [
      'with a mount of a volume that is not declared',
      [{ ...main, mountPoints: [{ sourceVolume: 'w', containerPath: '/w' }] }],
    ],
    ['with a dependency on nothing', [{ ...main, ...on('nobody', 'START') }]],
    ['with a container that waits for an essential one to complete', [main, { ...side, ...on('main', 'COMPLETE') }]],
    ['with a container that waits for an essential one to succeed', [main, { ...side, ...on('main', 'SUCCESS') }]],
    ['with a dependency on health', [{ ...main, ...on('side', 'HEALTHY') }, side]],
    [
      'with a cycle',
      [
        { ...main, ...on('side', 'START') },
        { ...side, ...on('main', 'START') },
      ],
    ],
    ['with a container that waits for itself', [{ ...main, ...on('main', 'START') }]],
    ['with what is not simulated', [{ ...main, healthCheck: { command: ['CMD', 'true'] } }]],
    ['with privileges', [{ ...main, privileged: true }]],
    [
      'with a limit of more than 32 bits',
      [{ ...main, ulimits: [{ name: 'fsize', softLimit: 1, hardLimit: 2 ** 31 }] }],
    ],
    ['with a soft limit above the hard one', [{ ...main, ulimits: [{ name: 'nofile', softLimit: 2, hardLimit: 1 }] }]],
  ];
  it.each(refused)('%s', async (_, containers) => {
    await expect(register(containers)).rejects.toMatchObject({ name: 'ClientException' });
  });

  it('with a field that ECS does not have, so that a typo cannot pass', async () => {
    const body = { family: 'f', containerDefinitions: [{ ...main, esential: false }] };
    const answer = await fetch(harness.simulator.url, {
      method: 'POST',
      headers: { 'x-amz-target': 'AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      __type: 'ClientException',
      message: expect.stringContaining('esential'),
    });
  });
});

describe('a task definition', () => {
  it('has revisions, of which the newest active one is meant by the family', async () => {
    const revisionOf = async (taskDefinition: string) =>
      (await harness.ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }))).taskDefinition?.revision;
    for (let revision = 1; revision <= 3; revision += 1) await register([main], { family: 'many' });
    expect(await revisionOf('many')).toBe(3);
    await harness.ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'many:3' }));
    expect([await revisionOf('many'), await revisionOf('many:3')]).toEqual([2, 3]);
    await expect(revisionOf('many:4')).rejects.toMatchObject({ name: 'ClientException' });
    const bare = new DeregisterTaskDefinitionCommand({ taskDefinition: 'many' });
    await expect(harness.ecs.send(bare)).rejects.toMatchObject({ name: 'ClientException' });
  });

  it('is described as it was registered', async () => {
    const volumes = [{ name: 'work', host: {} }];
    const containers = [{ ...main, mountPoints: [{ sourceVolume: 'work', containerPath: '/work', readOnly: true }] }];
    const { taskDefinition } = await register(containers, { family: 'full', volumes, networkMode: 'bridge' });
    expect(taskDefinition).toMatchObject({
      taskDefinitionArn: 'arn:aws:ecs:us-east-1:000000000000:task-definition/full:1',
      status: 'ACTIVE',
      networkMode: 'bridge',
      volumes,
      containerDefinitions: [{ ...containers[0], essential: true }],
    });
    expect(taskDefinition?.registeredAt).toBeInstanceOf(Date);
  });
});
