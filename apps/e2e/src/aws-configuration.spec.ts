import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repoRoot } from './harness.ts';

const PLATFORM = {
  AWS_REGION: 'eu-central-1',
  JOBS_TABLE: 'jobs',
  JOB_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/000000000000/jobs',
  BUCKET: 'jobs-of-a-test',
  POOLS: 'gpu-spot=2,gpu-on-demand=1',
};

/** Everything that has no default, and right. */
const ENVIRONMENTS = {
  api: { ...PLATFORM, SCRATCH_DIR: '/nowhere/scratch' },
  worker: {
    ...PLATFORM,
    CLUSTER: 'arn:aws:ecs:eu-central-1:000000000000:cluster/bpi',
    TASK_EVENTS_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/000000000000/task-events',
    TASK_DEFINITIONS: '{"brain-mri@1.0.0":"arn:aws:ecs:eu-central-1:000000000000:task-definition/job-brain-mri:1"}',
  },
} as const;
type App = keyof typeof ENVIRONMENTS;

type End = { code: unknown; complaints: string[]; log: string };

async function startAndEnd(app: App, env: Record<string, string>): Promise<End> {
  const child = spawn(process.execPath, [join(repoRoot, `dist/apps/${app}/main.js`)], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text));
  const [code] = (await once(child, 'close')) as [unknown];
  return { code, complaints: texts.stderr.trim().split('\n'), log: texts.stdout };
}

describe.each(['api', 'worker'] as const)('%s on AWS', (app) => {
  /** Who binds its port before it has read its environment fails with another complaint. */
  const taken = createServer();
  let port = '';
  beforeAll(async () => {
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    port = address !== null && typeof address === 'object' ? String(address.port) : '';
  });
  afterAll(() => {
    taken.close();
  });

  const start = (env: Record<string, string>) =>
    startAndEnd(app, { HOST: '127.0.0.1', PORT: port, HEALTH_PORT: port, ...env });

  it('that is started with nothing names every variable in a sentence of its own, and ends', async () => {
    const { code, complaints, log } = await start({});
    expect(code).toBe(1);
    const names = Object.keys(ENVIRONMENTS[app]);
    expect(complaints.map((line) => line.split(' ')[0]).sort()).toEqual([...names].sort());
    for (const line of complaints) expect(line).toMatch(/^[A-Z_]+ must be .*\.$/);
    expect(log).not.toContain('listening');
  });

  it.each(Object.keys(ENVIRONMENTS[app]))('that lacks only %s says so, and ends', async (name) => {
    const { code, complaints } = await start({ ...ENVIRONMENTS[app], [name]: '' });
    expect({ code, complaints }).toEqual({ code: 1, complaints: [expect.stringMatching(`^${name} must be .*\\.$`)] });
  });

  it('that is told of a port beyond the last, or of pools that are none, does not repeat what it was told', async () => {
    const { code, complaints } = await start({
      ...ENVIRONMENTS[app],
      PORT: '99999',
      HEALTH_PORT: '99999',
      POOLS: 'Zebedee',
    });
    expect(code).toBe(1);
    expect(complaints).toHaveLength(2);
    expect(complaints.join()).not.toContain('Zebedee');
  });
});
