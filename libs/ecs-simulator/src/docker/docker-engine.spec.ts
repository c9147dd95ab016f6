import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CannotStart } from '../container-engine.ts';
import { DockerEngine } from './docker-engine.ts';
import { aPlan, BASE_IMAGE, makeEngineHarness, settle, type EngineHarness } from './testing/engine-harness.ts';

const SOCKET = process.env['BPI_TEST_DOCKER_SOCKET'] ?? '/var/run/docker.sock';

let harness: EngineHarness;
beforeAll(async () => {
  harness = await makeEngineHarness(SOCKET);
}, 60_000);
afterAll(() => harness.close(), 60_000);

describe('a container', () => {
  it.each([0, 1, 42, 255])('that exits with %d is reported so', async (exitCode) => {
    const { exitCode: seen, oomKilled } = await harness.run(aPlan(`exit ${exitCode}`));
    expect({ seen, oomKilled }).toEqual({ seen: exitCode, oomKilled: false });
  });

  it('tells the image it runs by its id', async () => {
    const { imageDigest, runtimeId } = await harness.engine.start(aPlan('exit 0'));
    expect(imageDigest).toBe((await harness.docker.getImage(BASE_IMAGE).inspect()).Id);
    expect(runtimeId).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['its main process', 'exec tail /dev/zero', 137],
    ['a child of it', 'tail /dev/zero; exit 7', 7],
  ])('that runs out of memory in %s is reported so', async (_where, script, exitCode) => {
    const { runtimeId } = await harness.engine.start(aPlan(script, { memoryMiB: 32 }));
    expect(await harness.engine.wait(runtimeId)).toEqual({ exitCode, oomKilled: true });
  });

  it('writes to a log that can be read, both streams', async () => {
    const { logs } = await harness.run(aPlan('echo out; echo err >&2'));
    expect(logs.split('\n').sort()).toEqual(['', 'err', 'out']);
  });

  it('gets environment, working folder and entry point', async () => {
    const script = 'echo "$0 $GREETING $(pwd)"';
    const plan = aPlan(script, { environment: { GREETING: 'a=b c' }, workingDirectory: '/usr' });
    expect((await harness.run({ ...plan, command: [script, 'zero'] })).logs).toBe('zero a=b c /usr\n');
  });

  it('that an image is missing for cannot be pulled', async () => {
    const starting = harness.engine.start(aPlan('exit 0', { image: 'ecs-simulator/no-such-image:1' }));
    await expect(starting).rejects.toMatchObject({
      name: 'CannotStart',
      kind: 'CannotPullContainerError',
      message: expect.stringMatching(/^CannotPullContainerError: .*ecs-simulator\/no-such-image:1: not found$/),
    });
  });

  it('whose program does not exist cannot be started and is not left behind', async () => {
    const plan = aPlan('', { entryPoint: ['/no/such/program'], command: [], initProcessEnabled: false });
    const failure = await harness.engine.start(plan).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CannotStart);
    expect(failure).toMatchObject({ kind: 'CannotStartContainerError' });
    expect(String(failure)).toContain('CannotStartContainerError: Error response from daemon: ');
    expect((await harness.leftOf(harness.label)).filter((name) => name.includes(plan.taskId))).toEqual([]);
  });
});

describe('stopping a container', () => {
  it('gives it time to end by itself', async () => {
    const script = "trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    const { runtimeId } = await harness.engine.start(aPlan(script, { initProcessEnabled: false }));
    await harness.written(runtimeId, 'ready');
    await harness.engine.stop(runtimeId, 20_000);
    expect(await harness.engine.wait(runtimeId)).toEqual({ exitCode: 5, oomKilled: false });
    expect(await harness.engine.logs(runtimeId)).toContain('asked');
  });

  it('kills it after the grace, and is safe to repeat', async () => {
    const script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
    const { runtimeId } = await harness.engine.start(aPlan(script));
    await harness.written(runtimeId, 'ready');
    const stoppedAtMs = performance.now();
    await Promise.all([harness.engine.stop(runtimeId, 500), harness.engine.stop(runtimeId, 500)]);
    expect(performance.now() - stoppedAtMs).toBeGreaterThanOrEqual(500);
    expect(await harness.engine.wait(runtimeId)).toEqual({ exitCode: 137, oomKilled: false });
    await harness.engine.stop(runtimeId, 500);
    await harness.engine.kill(runtimeId);
  });

  it('uses the signal that the image asks for', async () => {
    const image = await harness.imageWith({ script: 'true', stopSignal: 'SIGUSR1' });
    const script = "trap 'exit 6' USR1; trap '' TERM; echo ready; while :; do sleep 0.1; done";
    const { runtimeId } = await harness.engine.start(aPlan(script, { image, initProcessEnabled: false }));
    await harness.written(runtimeId, 'ready');
    await harness.engine.stop(runtimeId, 20_000);
    expect(await harness.engine.wait(runtimeId)).toMatchObject({ exitCode: 6 });
  });

  it('by force ends it at once', async () => {
    const { runtimeId } = await harness.engine.start(aPlan('exec sleep 1000'));
    const ended = harness.engine.wait(runtimeId);
    await harness.engine.kill(runtimeId);
    expect(await ended).toEqual({ exitCode: 137, oomKilled: false });
  });
});

describe('what a task definition denies a container', () => {
  it('holds', async () => {
    const script = `
      echo "user=$(id -u):$(id -g)"; echo "interfaces=$(ls /sys/class/net | tr '\\n' ' ')"
      grep -E '^(CapBnd|NoNewPrivs):' /proc/self/status | tr -d '\\t'
      (touch /var/tmp/here || touch /etc/here || touch /ro/here) 2>/dev/null && echo WROTE
      echo ok > /scratch/here && echo scratch=writable
      head -c 3000000 /dev/zero 2>/dev/null > /scratch/large && echo SCRATCH-UNBOUNDED
      perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(PeerAddr => "1.1.1.1:53", Timeout => 2) ? "CONNECTED\\n" : "tcp=refused\\n"'
      echo "core=$(ulimit -c) files=$(ulimit -Sn)/$(ulimit -Hn)"
      echo "shm=$(df -k /dev/shm | tail -1 | awk '{print $2}')"; echo "pid1=$(tr '\\0' ' ' < /proc/1/cmdline | cut -d' ' -f1)"`;
    const plan = aPlan(script, {
      user: '65532:65531',
      readonlyRootFilesystem: true,
      tmpfs: [{ containerPath: '/scratch', sizeMiB: 2, options: ['rw', 'noexec', 'uid=65532', 'mode=0700'] }],
      mounts: [{ volume: 'shared', containerPath: '/ro', readOnly: true }],
      ulimits: [
        { name: 'core', soft: 0, hard: 0 },
        { name: 'nofile', soft: 100, hard: 200 },
      ],
      capabilitiesDropped: ['ALL'],
      securityOptions: ['no-new-privileges'],
      sharedMemoryMiB: 3,
    });
    const { logs } = await harness.run(plan);
    expect(logs.trim().split('\n')).toEqual([
      'user=65532:65531',
      'interfaces=lo ',
      'CapBnd:0000000000000000',
      'NoNewPrivs:1',
      'scratch=writable',
      'tcp=refused',
      'core=0 files=100/200',
      'shm=3072',
      'pid1=/sbin/docker-init',
    ]);
  });

  it('is not denied where it is not asked for', async () => {
    const server = createServer((socket) => socket.end('hello from the host\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('listens on a port');
    const script = `id -u; touch /here && echo wrote
      perl -MIO::Socket::INET -e 'print IO::Socket::INET->new("127.0.0.1:${address.port}")->getline'
      tr '\\0' '\\n' < /proc/1/cmdline | head -n 1`;
    try {
      const plan = aPlan(script, { network: 'host', initProcessEnabled: false, memoryMiB: null, cpuUnits: 512 });
      const { logs, runtimeId } = await harness.run(plan);
      expect(logs).toBe('0\nwrote\nhello from the host\nsh\n');
      const { HostConfig } = await harness.docker.getContainer(runtimeId).inspect();
      expect(HostConfig).toMatchObject({ CpuShares: 512, Memory: 0, PidsLimit: null, Privileged: false });
    } finally {
      server.close();
    }
  });
});

describe('a volume', () => {
  const mounts = [{ volume: 'work', containerPath: '/work', readOnly: false }];

  it('is shared between the containers of a task, whoever they are', async () => {
    const write = aPlan('umask 022; chmod 1777 /work; echo secret > /work/a; chmod 0644 /work/a', { mounts });
    const { taskId } = write;
    expect(await harness.run(write)).toMatchObject({ exitCode: 0 });
    const read = aPlan('cat /work/a; echo more > /work/b', { taskId, name: 'reader', mounts, user: '65532:65532' });
    expect(await harness.run(read)).toMatchObject({ exitCode: 0, logs: 'secret\n' });
    const readOnly = mounts.map((mount) => ({ ...mount, readOnly: true }));
    const script = "stat -c '%u %n' /work/b; touch /work/c 2>/dev/null || echo refused";
    expect(await harness.run(aPlan(script, { taskId, name: 'looker', mounts: readOnly }))).toMatchObject({
      logs: '65532 /work/b\nrefused\n',
    });
  });

  it('is not shared with another task', async () => {
    await harness.run(aPlan('echo secret > /work/a', { mounts }));
    expect(await harness.run(aPlan('ls /work', { mounts }))).toMatchObject({ exitCode: 0, logs: '' });
  });

  it('begins as the folder of the first image, with its owner, and stays so for the next', async () => {
    const image = await harness.imageWith({
      script: 'mkdir -m 0750 /work; echo seed > /work/seed; chown -R 65532:65531 /work',
    });
    const look = "stat -c '%u:%g %a %n' /work /work/seed; echo mine >> /work/seed; cat /work/seed";
    const plan = aPlan(look, { image, mounts, user: '65532:65531', readonlyRootFilesystem: true });
    const listing = '65532:65531 750 /work\n65532:65531 644 /work/seed\n';
    expect(await harness.run(plan)).toMatchObject({ exitCode: 0, logs: `${listing}seed\nmine\n` });
    const next = { ...plan, name: 'next', image: BASE_IMAGE };
    expect(await harness.run(next)).toMatchObject({ exitCode: 0, logs: `${listing}seed\nmine\nmine\n` });
  });
});

describe('what is left', () => {
  const mounts = [{ volume: 'work', containerPath: '/work', readOnly: false }];

  it('of a task is removed with it: running and ended containers, and volumes; others stay', async () => {
    const plan = aPlan('exit 0', { mounts });
    const other = aPlan('exec sleep 1000', { mounts });
    await harness.run(plan);
    const { runtimeId } = await harness.engine.start({ ...plan, name: 'long', command: ['exec sleep 1000'] });
    await harness.engine.start(other);
    const ofTask = async ({ taskId }: { taskId: string }) =>
      (await harness.leftOf(harness.label)).filter((name) => name.includes(taskId));
    const prefix = `ecs-${harness.label}-${plan.taskId}`;
    expect(await ofTask(plan)).toEqual([`${prefix}-long`, `${prefix}-main`, `${prefix}-work`]);
    const ended = harness.engine.wait(runtimeId);
    const startsMeanwhile = harness.engine.start({ ...plan, name: 'late', command: ['exec sleep 1000'], mounts: [] });
    await Promise.all([harness.engine.removeTask(plan.taskId), startsMeanwhile]);
    expect(await ended).toEqual({ exitCode: 137, oomKilled: false });
    expect(await ofTask(plan)).toEqual([]);
    expect(await ofTask(other)).toHaveLength(2);
    await harness.engine.removeTask(plan.taskId);
    expect(await harness.engine.wait(runtimeId)).toEqual({ exitCode: 137, oomKilled: false });
    expect(await harness.engine.logs(runtimeId)).toBe('');
  });

  it('by an earlier process with the same label is removed at once, and at close', async () => {
    const label = `${harness.label}-b`;
    const earlier = new DockerEngine({ docker: harness.docker, label });
    await earlier.start(aPlan('exec sleep 1000', { mounts }));
    expect(await harness.leftOf(label)).toHaveLength(2);
    const later = new DockerEngine({ docker: harness.docker, label });
    await later.killAll();
    expect(await harness.leftOf(label)).toEqual([]);
    const { runtimeId } = await later.start(aPlan('exec sleep 1000', { mounts }));
    const ended = later.wait(runtimeId);
    const starting = later.start(aPlan('exec sleep 1000'));
    await later.close();
    expect(await ended).toEqual({ exitCode: 137, oomKilled: false });
    await starting;
    expect(await harness.leftOf(label)).toEqual([]);
    await expect(later.start(aPlan('exit 0'))).rejects.toBeInstanceOf(CannotStart);
  });

  it('has names, so a label must be fit for one', () => {
    expect(() => new DockerEngine({ docker: harness.docker, label: 'a/b' })).toThrow(/A label has 1 to 40/);
  });
});

describe('an engine that goes away', () => {
  it('and comes back tells how a container ended meanwhile', async () => {
    const { runtimeId } = await harness.engine.start(aPlan('exec sleep 1000'));
    const ended = harness.engine.wait(runtimeId);
    await settle(async () => harness.socket.connections > 0);
    await harness.socket.cut();
    await harness.docker.getContainer(runtimeId).kill();
    await harness.socket.mend();
    expect(await ended).toEqual({ exitCode: 137, oomKilled: false });
  });

  it('and comes back lets one that still runs be waited for and stopped', async () => {
    const { runtimeId } = await harness.engine.start(aPlan('exec sleep 1000'));
    const ended = harness.engine.wait(runtimeId);
    await settle(async () => harness.socket.connections > 0);
    await harness.socket.cut();
    const stopped = harness.engine.stop(runtimeId, 20_000);
    await harness.socket.mend();
    await stopped;
    expect(await ended).toEqual({ exitCode: 143, oomKilled: false });
  });

  it('for too long is said, with what to do', async () => {
    const { runtimeId } = await harness.engine.start(aPlan('exec sleep 1000'));
    const settings = { docker: harness.engineClient(), label: harness.label, reconnectLimitMs: 300 };
    const impatient = new DockerEngine(settings);
    const ended = impatient.wait(runtimeId).catch((error: unknown) => error);
    await settle(async () => harness.socket.connections > 0);
    await harness.socket.cut();
    try {
      expect(String(await ended)).toMatch(/No Docker engine answers\. Start it/);
      const failure = await impatient.start(aPlan('exit 0')).catch((error: unknown) => error);
      expect(String(failure)).toMatch(/CannotPullContainerError: Cannot connect to the Docker daemon/);
    } finally {
      await harness.socket.mend();
    }
  });
});
