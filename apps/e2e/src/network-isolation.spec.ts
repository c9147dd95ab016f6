import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, isIPv6, type AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { isJobId, logsKey, MODEL_FILES, WORKSPACE, type JobId } from '@bpi/job-contract';
import Dockerode from 'dockerode';
import { startAwsHarness } from './aws-harness.ts';
import { required, startHarness, type Harness } from './harness.ts';

const JOB_TIMEOUT_MS = 60_000;
const ECHO_IMAGE = 'bpi/echo-model:1.0.0';
/** The echo model's: it reached something. */
const ESCAPED_EXIT = 3;
/** More addresses of one machine are not tried. */
const HOSTS_MAX = 4;

/** The machine's own addresses that a container with a network could reach. */
const hosts = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ family, internal }) => family === 'IPv4' && !internal)
  .map(({ address }) => address)
  .slice(0, HOSTS_MAX);

/** An address as the echo model takes it. */
const numberOf = (host: string): number => Buffer.from(host.split('.').map(Number)).readUInt32BE();

type OpenServices = {
  port: number;
  /** How often each was reached. */
  reached: { tcp: number; udp: number; unix: number };
  close: () => void;
};

/** Services for everybody on this machine, and the same number for each: TCP, UDP, and a socket with a name and no file. */
async function openServices(): Promise<OpenServices> {
  const reached = { tcp: 0, udp: 0, unix: 0 };
  const tcp = createServer((socket) => {
    reached.tcp += 1;
    socket.destroy();
  });
  const unix = createServer((socket) => {
    reached.unix += 1;
    socket.destroy();
  });
  await once(tcp.listen(0), 'listening');
  const { port, address } = tcp.address() as AddressInfo; // it listens on TCP
  const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4', (message, from) => {
    reached.udp += 1;
    udp.send(message, from.port, from.address);
  });
  udp.bind(port);
  await once(udp, 'listening');
  await once(unix.listen(`\0bpi-e2e-${port}`), 'listening');
  const close = () => {
    tcp.close();
    udp.close();
    unix.close();
  };
  return { port, reached, close };
}

type Composition = Pick<Harness, 'client' | 'input' | 'finish' | 'close'> & {
  /** What the model of the job's first attempt said. */
  modelLog: (jobId: JobId) => Promise<string>;
  /** Where ECS's agent answers, which the model's environment says; null = there is none. */
  agentPort: number | null;
};

async function onOneMachine(): Promise<Composition> {
  const harness = await startHarness();
  const modelLog = (jobId: JobId) => readFile(join(harness.dataDir, logsKey(jobId, 1)), 'utf8');
  return { ...harness, modelLog, agentPort: null };
}

async function onAws(): Promise<Composition> {
  const harness = await startAwsHarness();
  const modelLog = async (jobId: JobId) => text(await harness.services.objects.get(logsKey(jobId, 1)));
  return { ...harness, modelLog, agentPort: Number(new URL(harness.platform.simulator.url).port) };
}

describe.each([
  { where: 'on one machine', start: onOneMachine },
  { where: 'on AWS', start: onAws },
])('a model $where', ({ start }) => {
  let platform: Composition;
  let opened: OpenServices;
  beforeAll(async () => {
    platform = await start();
  }, 90_000);
  afterAll(() => platform.close());
  beforeEach(async () => {
    opened = await openServices();
  });
  afterEach(() => opened.close());

  it.each(hosts)(
    'that tries all ways to services of its machine at %s, and of the cloud, reaches nothing',
    async (host) => {
      const params = { behaviour: 'network', port: opened.port, host: numberOf(host) };
      const { job_id: jobId } = await platform.client.infer({
        inputPath: platform.input('plain'),
        model: 'echo',
        params,
      });
      expect(await platform.finish(jobId)).toMatchObject({ status: 'completed', attempt: 1 });
      expect(opened.reached).toEqual({ tcp: 0, udp: 0, unix: 0 });
      if (!isJobId(jobId)) throw new Error('the API gave no job id');
      const tried = (await platform.modelLog(jobId)).trim().split('\n');
      expect(tried).toEqual(
        expect.arrayContaining([
          `tcp 127.0.0.1 ${opened.port} ECONNREFUSED`,
          `udp 127.0.0.1 ${opened.port} ECONNREFUSED`,
          expect.stringMatching(`^tcp ::1 ${opened.port} `),
          `tcp ${host} ${opened.port} ENETUNREACH`,
          `udp ${host} ${opened.port} ENETUNREACH`,
          `unix @bpi-e2e-${opened.port} - ECONNREFUSED`,
          'tcp 169.254.169.254 80 ENETUNREACH',
          'tcp 169.254.170.2 80 ENETUNREACH',
          ...(platform.agentPort === null ? [] : [`tcp 127.0.0.1 ${platform.agentPort} ECONNREFUSED`]),
          'name example.com 80 unknown',
        ]),
      );
    },
    JOB_TIMEOUT_MS,
  );
});

it(
  'the same model with the network of its machine reaches those services',
  async () => {
    const docker = new Dockerode({ socketPath: required('BPI_TEST_DOCKER_SOCKET') });
    const opened = await openServices();
    const [host = '127.0.0.1'] = hosts;
    const inputs = await mkdtemp(join(tmpdir(), 'bpi-inputs-'));
    const params = { behaviour: 'network', port: opened.port, host: numberOf(host) };
    await writeFile(join(inputs, MODEL_FILES.params), JSON.stringify(params));
    await chmod(inputs, 0o755);
    const container = await docker.createContainer({
      Image: ECHO_IMAGE,
      HostConfig: { NetworkMode: 'host', Binds: [`${inputs}:${WORKSPACE.inputs}:ro`] },
    });
    try {
      await container.start();
      const { StatusCode }: { StatusCode: number } = await container.wait();
      const log = (await container.logs({ stdout: true, stderr: true })).toString('utf8');
      for (const way of ['tcp 127.0.0.1', 'udp 127.0.0.1', `tcp ${host}`, `udp ${host}`])
        expect(log).toContain(`${way} ${opened.port} reached`);
      expect(log).toContain(`unix @bpi-e2e-${opened.port} - reached`);
      expect(StatusCode).toBe(ESCAPED_EXIT);
      expect(opened.reached.tcp).toBeGreaterThanOrEqual(2);
      expect(opened.reached.udp).toBeGreaterThanOrEqual(2);
      expect(opened.reached.unix).toBe(1);
    } finally {
      await container.remove({ force: true });
      await rm(inputs, { recursive: true, force: true });
      opened.close();
    }
  },
  JOB_TIMEOUT_MS,
);
