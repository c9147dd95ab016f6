import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { REQUIRED_SETTINGS } from '@bpi/adapters-aws';
import { FirstStart, type Answer } from '../../testing/first-start.ts';
import { gpuUserData, WEIGHTS_FOLDER, type GpuUserDataSettings } from './gpu-user-data.ts';

const FILE = 'the weights of a model';
const SHA256 = createHash('sha256').update(FILE).digest('hex');
const WHOLE: Answer = { status: 200, body: FILE };

const SETTINGS: GpuUserDataSettings = {
  clusterName: 'bpi-test-cluster',
  region: 'eu-central-1',
  weightsBucketName: 'bpi-weights-ours',
  weights: { 'brain-mri': { file: 'unet.pt', sha256: SHA256 } },
};

describe('the first start of a GPU machine', () => {
  let machine: FirstStart;

  afterEach(() => machine.close());

  async function start(answer: (key: string, n: number) => Answer, settings = SETTINGS) {
    machine = new FirstStart(answer);
    return machine.run(gpuUserData(settings, await machine.surroundings()));
  }

  it('fetches the weights, signed as the machine, and then lets the agent join the cluster', async () => {
    expect(await start(() => WHOLE)).toEqual({ exitCode: 0, output: '' });
    expect(machine.asked).toEqual(['brain-mri/unet.pt']);
    expect(machine.read('weights/brain-mri/unet.pt')).toBe(FILE);
    const settings = machine.read('ecs.config')?.split('\n') ?? [];
    expect(settings).toContain('ECS_CLUSTER=bpi-test-cluster');
    for (const [name, value] of Object.entries(REQUIRED_SETTINGS.agent)) expect(settings).toContain(`${name}=${value}`);
    expect(machine.read('off')).toBeNull();
  });

  it('lets every user read the weights, and nobody write them', async () => {
    await start(() => WHOLE);
    const modeOf = (path: string) => (statSync(join(machine.weightsFolder, path)).mode & 0o777).toString(8);
    expect(modeOf('brain-mri')).toBe('755');
    expect(modeOf('brain-mri/unet.pt')).toBe('444');
  });

  it('joins at once where no model has weights outside its image', async () => {
    expect((await start(() => WHOLE, { ...SETTINGS, weights: {} })).exitCode).toBe(0);
    expect(machine.asked).toEqual([]);
    expect(machine.read('ecs.config')).toContain('ECS_CLUSTER=bpi-test-cluster');
  });

  it('tries again when S3 does not answer, or half a file comes', async () => {
    const answers: Answer[] = [{ status: 503, body: 'SlowDown' }, { status: 200, body: FILE.slice(3) }, WHOLE];
    expect((await start((_key, n) => answers[n] ?? WHOLE)).exitCode).toBe(0);
    expect(machine.asked).toHaveLength(3);
    expect(machine.read('weights/brain-mri/unet.pt')).toBe(FILE);
  });

  it.each([
    ['S3 is down', { status: 503, body: 'SlowDown' }, 'HTTP Error 503'],
    ['the file is another one', { status: 200, body: 'other weights' }, 'has SHA-256'],
    ['nobody may read it', { status: 403, body: 'AccessDenied' }, 'HTTP Error 403'],
  ])('goes off, says why on the console, and never joins when %s', async (_name, answer, reason) => {
    const { exitCode } = await start(() => answer);
    expect(exitCode).toBe(1);
    expect(machine.asked).toHaveLength(3);
    expect(machine.read('off')).toBe('');
    expect(machine.read('ecs.config')).toBeNull();
    expect(machine.read('weights/brain-mri/unet.pt')).toBeNull();
    expect(machine.read('console')).toMatch(/going off, and not joining the cluster: .+\n$/);
    expect(machine.read('console')).toContain(reason);
    expect(machine.read('console')).not.toMatch(/secret\/|token-of/);
  });
});

describe('the user data of a GPU machine', () => {
  it('reads its own weights bucket, and gives up within two minutes', () => {
    const text = gpuUserData(SETTINGS);
    expect(text).toContain('"storeUrl":"https://bpi-weights-ours.s3.eu-central-1.amazonaws.com"');
    expect(text).toContain(`"weightsFolder":"${WEIGHTS_FOLDER}"`);
    expect(text).toContain('"powerOff":["/usr/bin/systemctl","poweroff"]');
    expect(text).toContain('"waitsS":[5,10,20,30]');
  });

  it('holds nothing that Terraform would read as its own, and begins with its interpreter', () => {
    const text = gpuUserData(SETTINGS);
    expect(text).not.toMatch(/[$%]\{/);
    expect(text.split('\n')[0]).toBe('#!/usr/bin/python3');
  });

  it('is refused when EC2 would not take it', () => {
    const weights = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`model-${n}`, { file: 'weights.safetensors', sha256: SHA256 }]),
    );
    expect(() => gpuUserData({ ...SETTINGS, weights })).toThrow('list fewer weights');
  });
});
