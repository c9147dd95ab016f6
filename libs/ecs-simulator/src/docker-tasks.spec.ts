import { randomUUID } from 'node:crypto';
import { RegisterTaskDefinitionCommand, StopTaskCommand, type ContainerDefinition } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Docker from 'dockerode';
import { DockerEngine } from './docker/docker-engine.ts';
import { BASE_IMAGE } from './docker/testing/engine-harness.ts';
import { containerOf, eventually, startHarness, type Harness } from './testing/simulator-harness.ts';

const SOCKET = process.env['BPI_TEST_DOCKER_SOCKET'] ?? '/var/run/docker.sock';

let harness: Harness;
const docker = new Docker({ socketPath: SOCKET });
const label = `spec-${randomUUID().slice(0, 8)}`;
beforeAll(async () => {
  await docker.getImage(BASE_IMAGE).inspect(); // without the image every test below would fail in other words
  harness = await startHarness({ engine: new DockerEngine({ docker, label }) });
}, 60_000);
afterAll(() => harness.close(), 60_000);

const shell = (name: string, script: string): ContainerDefinition => ({
  name,
  image: BASE_IMAGE,
  memory: 64,
  essential: false,
  entryPoint: ['sh', '-c'],
  command: [script],
  mountPoints: [{ sourceVolume: 'work', containerPath: '/work' }],
});
const register = (family: string, containerDefinitions: ContainerDefinition[]) =>
  harness.ecs.send(new RegisterTaskDefinitionCommand({ family, containerDefinitions, volumes: [{ name: 'work' }] }));

/** Asks the metadata endpoint of its task with what the base image has. */
const ASK = `perl -MIO::Socket::INET -e '
  my ($host, $path) = $ENV{ECS_CONTAINER_METADATA_URI_V4} =~ m{^http://([^/]+)(/.*)$};
  my $socket = IO::Socket::INET->new($host) or die;
  print $socket "GET $path/task HTTP/1.0\\r\\n\\r\\n";
  print while <$socket>;'`;

describe('a task of real containers', () => {
  it('runs them in order with a shared volume, and the last one sees how the others ended', async () => {
    await register('stages', [
      shell('input', 'echo data > /work/input'),
      {
        ...shell('model', 'test "$(cat /work/input)" = data || exit 1; exit 3'),
        dependsOn: [{ containerName: 'input', condition: 'SUCCESS' }],
        disableNetworking: true,
        readonlyRootFilesystem: true,
      },
      {
        ...shell('output', `${ASK} | grep -q '"Name":"model".*"KnownStatus":"STOPPED","ExitCode":3' || exit 9`),
        dependsOn: [{ containerName: 'model', condition: 'COMPLETE' }],
        essential: true,
      },
    ]);
    const task = await harness.reaches(await harness.run('stages'), 'STOPPED');
    const exitCodes = ['input', 'model', 'output'].map((name) => containerOf(task, name).exitCode);
    expect(exitCodes).toEqual([0, 3, 0]);
    expect(containerOf(task, 'model').imageDigest).toMatch(/^sha256:/);
  }, 60_000);

  it('leaves no container and no volume once it stopped', async () => {
    await register('long', [{ ...shell('main', 'trap "exit 5" TERM; sleep 1000 & wait'), essential: true }]);
    const arn = await harness.run('long');
    await harness.reaches(arn, 'RUNNING');
    await harness.ecs.send(new StopTaskCommand({ cluster: harness.simulator.clusterArn, task: arn }));
    const task = await harness.reaches(arn, 'STOPPED');
    expect([5, 143]).toContain(containerOf(task, 'main').exitCode); // the signal may come before the trap
    const filters = { label: [`ecs-simulator=${label}`] };
    await eventually(async () => {
      const containers = await docker.listContainers({ all: true, filters });
      const { Volumes } = await docker.listVolumes({ filters });
      return containers.length === 0 && (Volumes ?? []).length === 0;
    });
  }, 60_000);
});
