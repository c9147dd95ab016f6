import { describe, expect, it } from '@jest/globals';
import { isJobId } from '@bpi/job-contract';
import { buildContainerOptions, type ContainerPlan } from './container-options.ts';

const MiB = 1024 * 1024;

function aPlan(changes: Partial<ContainerPlan> = {}): ContainerPlan {
  const jobId = '6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e';
  if (!isJobId(jobId)) throw new Error('the id above is version 4');
  return {
    attempt: { jobId, epoch: 3 },
    image: 'sha256:abc',
    resources: { gpu: 'none', gpu_memory_mib: 0, memory_mib: 512, cpus: 2, shm_mib: 64, pids: 128, tmp_mib: 32 },
    host: { cpus: 8, hasNvidia: false },
    platform: 'p1',
    user: { uid: 65_532, gid: 65_533 },
    outputBytesMax: 100 * MiB,
    mounts: { inputs: '/w/gate/inputs', outputs: '/w/gate/outputs' },
    weights: null,
    ...changes,
  };
}

describe('the options of a model container', () => {
  it('deny everything that was not asked for, and bound the rest', () => {
    expect(buildContainerOptions(aPlan())).toEqual({
      name: 'bpi-6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e-3',
      Image: 'sha256:abc',
      User: '65532:65533',
      WorkingDir: '/workspace',
      Env: [
        'JOB_ID=6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e',
        'JOB_ATTEMPT=3',
        'INPUT_DIR=/workspace/inputs',
        'OUTPUT_DIR=/workspace/outputs',
        'CUDA_VISIBLE_DEVICES=',
        'OMP_NUM_THREADS=2',
      ],
      Labels: { 'bpi.platform': 'p1', 'bpi.job': '6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e', 'bpi.epoch': '3' },
      AttachStdin: false,
      OpenStdin: false,
      Tty: false,
      StopSignal: 'SIGTERM',
      HostConfig: {
        Mounts: [
          { Type: 'bind', Source: '/w/gate/inputs', Target: '/workspace/inputs', ReadOnly: true },
          { Type: 'bind', Source: '/w/gate/outputs', Target: '/workspace/outputs', ReadOnly: false },
        ],
        NetworkMode: 'none',
        IpcMode: 'private',
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        Privileged: false,
        Memory: 512 * MiB,
        MemorySwap: 512 * MiB,
        OomKillDisable: false,
        NanoCpus: 2e9,
        PidsLimit: 128,
        ShmSize: 64 * MiB,
        Tmpfs: { '/tmp': 'rw,exec,nosuid,nodev,uid=65532,gid=65533,mode=0700,size=32m' },
        Ulimits: [
          { Name: 'core', Soft: 0, Hard: 0 },
          { Name: 'fsize', Soft: 101 * MiB, Hard: 101 * MiB },
        ],
        Init: true,
        AutoRemove: false,
        RestartPolicy: { Name: 'no' },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
      },
    });
  });

  it('ask for no more processors than the host has', () => {
    const options = buildContainerOptions(aPlan({ host: { cpus: 1, hasNvidia: false } }));
    expect(options.HostConfig?.NanoCpus).toBe(1e9);
    expect(options.Env).toContain('OMP_NUM_THREADS=1');
  });

  it.each([
    ['none', true, false],
    ['optional', true, true],
    ['optional', false, false],
    ['required', true, true],
  ] as const)('for a model with gpu %s on a host where NVIDIA is %s: GPU %s', (gpu, hasNvidia, expected) => {
    const resources = { ...aPlan().resources, gpu };
    const options = buildContainerOptions(aPlan({ resources, host: { cpus: 8, hasNvidia } }));
    const requests = expected ? [{ Driver: 'nvidia', Count: 1, Capabilities: [['gpu']] }] : undefined;
    expect(options.HostConfig?.DeviceRequests).toEqual(requests);
    expect(options.Env).toContain(`CUDA_VISIBLE_DEVICES=${expected ? '0' : ''}`);
  });

  it.each([
    ['ab'.repeat(32), 'ab'.repeat(32)],
    [null, ''],
  ])('show the weights with digest %s read-only, and say which they are', (sha256, said) => {
    const weights = { folder: '/data/weights/three-d', file: 'three-d.ckpt', sha256 };
    const { Env, HostConfig } = buildContainerOptions(aPlan({ weights }));
    expect(Env?.slice(-3)).toEqual([
      'WEIGHTS_DIR=/workspace/weights',
      'WEIGHTS_FILE=three-d.ckpt',
      `WEIGHTS_SHA256=${said}`,
    ]);
    expect(HostConfig?.Mounts?.slice(2)).toEqual([
      { Type: 'bind', Source: '/data/weights/three-d', Target: '/workspace/weights', ReadOnly: true },
    ]);
  });

  it('mount no weights that are not there, and still say which were wanted', () => {
    const weights = { folder: null, file: 'three-d.ckpt', sha256: null };
    const { Env, HostConfig } = buildContainerOptions(aPlan({ weights }));
    expect(Env).toContain('WEIGHTS_FILE=three-d.ckpt');
    expect(HostConfig?.Mounts).toHaveLength(2);
  });
});
