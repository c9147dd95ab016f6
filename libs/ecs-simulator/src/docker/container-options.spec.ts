import { describe, expect, it } from '@jest/globals';
import { buildContainerOptions } from './container-options.ts';
import { aPlan } from './testing/engine-harness.ts';

const MiB = 1024 * 1024;
const named = { label: 'test', imageId: 'sha256:aa' };

describe('the options of a container', () => {
  it('say all that the task definition says', () => {
    const plan = aPlan('exit 0', {
      taskId: 't1',
      name: 'model',
      workingDirectory: '/workspace',
      environment: { A: '1', B: 'x=y' },
      user: '65532:65531',
      readonlyRootFilesystem: true,
      network: 'none',
      memoryMiB: 512,
      cpuUnits: 256,
      mounts: [{ volume: 'work', containerPath: '/work', readOnly: true }],
      tmpfs: [{ containerPath: '/tmp', sizeMiB: 8, options: ['rw', 'mode=1777'] }],
      sharedMemoryMiB: 4,
      ulimits: [{ name: 'core', soft: 0, hard: 1 }],
      capabilitiesDropped: ['ALL'],
      securityOptions: ['no-new-privileges'],
    });
    expect(buildContainerOptions(plan, named)).toEqual({
      name: 'ecs-test-t1-model',
      Image: 'sha256:aa',
      Entrypoint: ['sh', '-c'],
      Cmd: ['exit 0'],
      WorkingDir: '/workspace',
      User: '65532:65531',
      Env: ['A=1', 'B=x=y'],
      Labels: { 'ecs-simulator': 'test', 'ecs-simulator.task': 't1', 'ecs-simulator.container': 'model' },
      AttachStdin: false,
      OpenStdin: false,
      Tty: false,
      HostConfig: {
        Mounts: [{ Type: 'volume', Source: 'ecs-test-t1-work', Target: '/work', ReadOnly: true }],
        Tmpfs: { '/tmp': 'size=8m,rw,mode=1777' },
        NetworkMode: 'none',
        ReadonlyRootfs: true,
        Privileged: false,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        Ulimits: [{ Name: 'core', Soft: 0, Hard: 1 }],
        Init: true,
        CpuShares: 256,
        Memory: 512 * MiB,
        MemorySwap: 512 * MiB,
        ShmSize: 4 * MiB,
        AutoRemove: false,
        RestartPolicy: { Name: 'no' },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
      },
    });
  });

  it('leave to the image what the task definition leaves out', () => {
    const options = buildContainerOptions(aPlan('', { entryPoint: null, command: null, memoryMiB: null }), named);
    for (const key of ['Entrypoint', 'Cmd', 'WorkingDir', 'User']) expect(options).not.toHaveProperty(key);
    for (const key of ['Memory', 'MemorySwap', 'ShmSize']) expect(options.HostConfig).not.toHaveProperty(key);
    expect(options.HostConfig).toMatchObject({ CpuShares: 2, Tmpfs: {}, Mounts: [] });
  });
});
