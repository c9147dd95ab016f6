import { describe, expect, it } from '@jest/globals';
import { LIMITS, modelManifestSchema, type ModelManifest } from '@bpi/job-contract';
import type { JobContainer } from './job-task-definition.ts';
import { buildJobTask, type JobTaskSettings } from './job-task.ts';
import { STAGER_ENV, stagerEnvSchema } from './stager-env.ts';
import { TASK_CONTAINERS } from './task-layout.ts';

const MiB = 1024 * 1024;
const DIGEST = `sha256:${'a'.repeat(64)}`;

function aManifest(resources: Partial<ModelManifest['resources']> = {}): ModelManifest {
  return modelManifestSchema.parse({
    schema_version: 1,
    name: 'brain-mri',
    version: '1.0.0',
    title: 'Brain',
    description: 'Marks the brain.',
    licence: 'none',
    intended_use: 'tests',
    evidence: 'None: it exists in tests only.',
    image: 'bpi/brain-mri:1.0.0',
    input: { formats: ['npz'], dtypes: ['uint8'], intensity: { min: 0, max: 255, distinct_min: 1 } },
    prompts: 'optional',
    fixed_labels: null,
    params: {},
    progress_steps: ['load'],
    resources: {
      gpu: 'required',
      gpu_memory_mib: 8_000,
      memory_mib: 12_000,
      cpus: 4,
      shm_mib: 2_048,
      pids: 256,
      tmp_mib: 512,
      ...resources,
    },
    attempt_timeout_s: 600,
    smaller_settings: null,
    golden: null,
  });
}

function settingsWith(changes: Partial<JobTaskSettings> = {}): JobTaskSettings {
  return {
    manifest: aManifest(),
    family: 'job-brain-mri',
    images: { stager: `registry/stager@${DIGEST}`, model: `registry/brain-mri@${DIGEST}` },
    region: 'eu-central-1',
    bucket: 'jobs-bucket',
    taskEventsQueueUrl: 'https://sqs.eu-central-1.amazonaws.com/000000000000/task-events',
    roles: { task: 'arn:aws:iam::000000000000:role/task', execution: 'arn:aws:iam::000000000000:role/execution' },
    logGroup: '/bpi/stager',
    weights: null,
    outputBytesMax: 100 * MiB,
    startDeadlineMs: 900_000,
    ...changes,
  };
}

function containerOf(settings: JobTaskSettings, name: string): JobContainer {
  const found = buildJobTask(settings).containerDefinitions.find((container) => container.name === name);
  if (found === undefined) throw new Error(`the task has no container ${name}`);
  return found;
}

describe('the task of an attempt', () => {
  it('gives the model what its manifest asks for, and denies it the rest', () => {
    const { entryPoint, ...model } = containerOf(settingsWith(), 'model');
    expect(model).toEqual({
      name: 'model',
      image: `registry/brain-mri@${DIGEST}`,
      essential: false,
      dependsOn: [{ containerName: 'stage-in', condition: 'SUCCESS' }],
      workingDirectory: '/workspace',
      environment: [
        { name: 'INPUT_DIR', value: '/workspace/inputs' },
        { name: 'OUTPUT_DIR', value: '/workspace/outputs' },
        { name: 'CUDA_VISIBLE_DEVICES', value: '0' },
        { name: 'OMP_NUM_THREADS', value: '4' },
        { name: 'NVIDIA_DRIVER_CAPABILITIES', value: 'utility,compute' },
      ],
      cpu: 4 * 1_024 - 128,
      memory: 12_000,
      user: '65532:65532',
      privileged: false,
      readonlyRootFilesystem: true,
      disableNetworking: true,
      dockerSecurityOptions: ['no-new-privileges'],
      linuxParameters: {
        initProcessEnabled: true,
        capabilities: { drop: ['ALL'] },
        tmpfs: [
          {
            containerPath: '/tmp',
            size: 512,
            mountOptions: ['rw', 'exec', 'nosuid', 'nodev', 'uid=65532', 'gid=65532', 'mode=0700'],
          },
        ],
        sharedMemorySize: 2_048,
      },
      ulimits: [
        { name: 'core', softLimit: 0, hardLimit: 0 },
        { name: 'fsize', softLimit: 101 * MiB, hardLimit: 101 * MiB },
        { name: 'nproc', softLimit: 8 * (256 + 64), hardLimit: 8 * (256 + 64) },
      ],
      resourceRequirements: [{ type: 'GPU', value: '1' }],
      mountPoints: [
        { sourceVolume: 'inputs', containerPath: '/workspace/inputs', readOnly: true },
        { sourceVolume: 'outputs', containerPath: '/workspace/outputs', readOnly: false },
        { sourceVolume: 'logs', containerPath: '/workspace/logs', readOnly: false },
      ],
      stopTimeout: 30,
      logConfiguration: { logDriver: 'json-file', options: { 'max-size': '1m', 'max-file': '1' } },
    });
    expect(entryPoint?.slice(0, 2)).toEqual(['sh', '-c']);
    expect(entryPoint?.[2]).toContain('/workspace/logs/logs.txt');
  });

  it('puts two stages of one image around it, of which only stage-out is essential', () => {
    const stageOut = containerOf(settingsWith(), 'stage-out');
    expect(stageOut).toMatchObject({
      image: `registry/stager@${DIGEST}`,
      command: ['stage-out'],
      essential: true,
      dependsOn: [{ containerName: 'stage-in', condition: 'START' }],
      stopTimeout: 30,
      memory: 2_048,
      cpu: 64,
      user: '65532:65532',
      readonlyRootFilesystem: true,
      logConfiguration: {
        logDriver: 'awslogs',
        options: {
          'awslogs-group': '/bpi/stager',
          'awslogs-region': 'eu-central-1',
          'awslogs-stream-prefix': 'job-brain-mri',
          mode: 'non-blocking',
          'max-buffer-size': '4m',
        },
      },
    });
    expect(stageOut.mountPoints.map(({ containerPath, readOnly }) => [containerPath, readOnly])).toEqual([
      ['/workspace/inputs', false],
      ['/workspace/outputs', false],
      ['/workspace/logs', false],
      ['/workspace/control', false],
    ]);
    expect(containerOf(settingsWith(), 'stage-in')).toEqual({
      ...stageOut,
      memory: 1_024,
      name: 'stage-in',
      command: ['stage-in'],
      essential: false,
      dependsOn: [],
      stopTimeout: 30,
    });
  });

  it('is one for machines with GPUs, with volumes that end with the task', () => {
    const { containerDefinitions, ...rest } = buildJobTask(settingsWith());
    expect(rest).toEqual({
      family: 'job-brain-mri',
      networkMode: 'bridge',
      requiresCompatibilities: ['EC2'],
      runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
      taskRoleArn: 'arn:aws:iam::000000000000:role/task',
      executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
      volumes: ['inputs', 'outputs', 'logs', 'control'].map((name) => ({ name, host: {} })),
    });
    expect(containerDefinitions.map(({ name }) => name)).toEqual(['stage-in', 'model', 'stage-out']);
  });

  it('denies every container root, capabilities, new privileges, core dumps and a writable root', () => {
    for (const container of buildJobTask(settingsWith()).containerDefinitions) {
      expect(container).toMatchObject({
        user: '65532:65532',
        privileged: false,
        readonlyRootFilesystem: true,
        dockerSecurityOptions: ['no-new-privileges'],
        linuxParameters: { initProcessEnabled: true, capabilities: { drop: ['ALL'] } },
      });
      expect(container.ulimits).toContainEqual({ name: 'core', softLimit: 0, hardLimit: 0 });
      const [tmp] = container.linuxParameters.tmpfs;
      expect(tmp?.mountOptions.includes('exec')).toBe(container.name === 'model');
    }
  });

  it.each([
    ['none', undefined, ''],
    ['optional', [{ type: 'GPU', value: '1' }], '0'],
    ['required', [{ type: 'GPU', value: '1' }], '0'],
  ] as const)('for a model with gpu %s asks for %j', (gpu, requirements, visible) => {
    const model = containerOf(settingsWith({ manifest: aManifest({ gpu }) }), 'model');
    expect(model.resourceRequirements).toEqual(requirements);
    expect(model.environment).toContainEqual({ name: 'CUDA_VISIBLE_DEVICES', value: visible });
    expect(model.environment.some(({ name }) => name.startsWith('NVIDIA'))).toBe(gpu !== 'none');
  });

  it('shows the weights of the machine to the model only, and lets nobody write them', () => {
    const settings = settingsWith({ weights: { sourcePath: '/var/lib/weights/brain-mri' } });
    expect(buildJobTask(settings).volumes.at(-1)).toEqual({
      name: 'weights',
      host: { sourcePath: '/var/lib/weights/brain-mri' },
    });
    const mounted = buildJobTask(settings).containerDefinitions.flatMap(({ name, mountPoints }) =>
      mountPoints.filter(({ sourceVolume }) => sourceVolume === 'weights').map((mount) => ({ name, ...mount })),
    );
    expect(mounted).toEqual([
      { name: 'model', sourceVolume: 'weights', containerPath: '/workspace/weights', readOnly: true },
    ]);
  });

  it.each([
    ['ab'.repeat(32), 'ab'.repeat(32)],
    [null, ''],
  ])('says to the model only which weights it is to take, here with digest %s', (sha256, said) => {
    const manifest = { ...aManifest(), weights: { file: 'three-d.ckpt', sha256 } };
    const environment = (name: string) =>
      containerOf(settingsWith({ manifest }), name).environment.filter((pair) => pair.name.startsWith('WEIGHTS'));
    expect(environment('model')).toEqual([
      { name: 'WEIGHTS_DIR', value: '/workspace/weights' },
      { name: 'WEIGHTS_FILE', value: 'three-d.ckpt' },
      { name: 'WEIGHTS_SHA256', value: said },
    ]);
    expect([...environment('stage-in'), ...environment('stage-out')]).toEqual([]);
  });

  it('never sends the output of the model to CloudWatch', () => {
    expect(containerOf(settingsWith(), 'model').logConfiguration.logDriver).toBe('json-file');
    expect(containerOf(settingsWith({ logGroup: null }), 'stage-in').logConfiguration.logDriver).toBe('json-file');
  });

  it('leaves a small model some of its share', () => {
    expect(containerOf(settingsWith({ manifest: aManifest({ cpus: 0.1 }) }), 'model').cpu).toBe(128);
  });

  it('gives the stager an environment that it understands', () => {
    const { overridden, given } = STAGER_ENV;
    const { environment } = containerOf(settingsWith(), 'stage-out');
    const env = stagerEnvSchema.parse({
      ...Object.fromEntries(environment.map(({ name, value }) => [name, value])),
      [overridden.jobId]: '6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e',
      [overridden.attempt]: '3',
      [overridden.shrunk]: 'no',
      [overridden.pool]: 'gpu-spot',
      [given.metadataUri]: 'http://169.254.170.2/v4/abc',
    });
    expect(env).toMatchObject({
      epoch: 3,
      shrunk: false,
      manifest: aManifest(),
      imageDigest: DIGEST,
      outputBytesMax: 100 * MiB,
      startDeadlineMs: 900_000,
    });
  });

  it('stays far below the limit of ECS, and says what to do when it does not', () => {
    expect(JSON.stringify(buildJobTask(settingsWith())).length).toBeLessThan(16 * 1024);
    const values = Array.from({ length: 64 }, (_, n) => String(n).padStart(64, 'x'));
    const params = Object.fromEntries(
      Array.from({ length: 16 }, (_, n) => [`param_${n}`, { type: 'enum' as const, values, default: values[0] ?? '' }]),
    );
    const manifest = { ...aManifest(), params };
    expect(() => buildJobTask(settingsWith({ manifest }))).toThrow('shorten the model.json');
  });

  it('gives stage-out room for the largest mask there may be, and for working on it', () => {
    const { memory } = containerOf(settingsWith(), TASK_CONTAINERS.stageOut);
    const instanceMaskBytes = 2 * LIMITS.voxelsMax;
    expect(memory * MiB).toBeGreaterThanOrEqual(instanceMaskBytes + 768 * MiB); // 185 MiB were measured on top
  });

  it('refuses a limit that ECS cannot hold in 32 bits', () => {
    expect(() => buildJobTask(settingsWith({ outputBytesMax: LIMITS.outputBytesMax }))).not.toThrow();
    expect(() => buildJobTask(settingsWith({ outputBytesMax: 2 ** 31 - 1 }))).toThrow('more than ECS can hold');
  });

  it('refuses an image without a digest', () => {
    const { images } = settingsWith();
    for (const tagged of [{ stager: 'registry/stager:1' }, { model: 'registry/brain-mri:1.0.0' }])
      expect(() => buildJobTask(settingsWith({ images: { ...images, ...tagged } }))).toThrow('add its digest');
  });
});
