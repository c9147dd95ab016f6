import { describe, expect, it } from '@jest/globals';
import { isJobId, type JobId } from '@bpi/job-contract';
import { attemptOfStartedBy, buildRunTaskInput, clientTokenOf, startedByOf } from './run-task-input.ts';

const JOB = '6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e';
const DEFINITION = 'arn:aws:ecs:eu-central-1:000000000000:task-definition/bpi-brain-mri:7';

function aSpec() {
  const jobId: JobId | null = isJobId(JOB) ? JOB : null;
  if (jobId === null) throw new Error('the id above is version 4');
  const model = { name: 'brain-mri', version: '1.0.0' };
  return { jobId, epoch: 3, model, pool: 'gpu-spot', definition: DEFINITION, shrunk: true };
}

describe('what RunTask is asked', () => {
  it('is all that the claim pinned, and nothing else', () => {
    const attempt = [
      { name: 'JOB_ID', value: JOB },
      { name: 'JOB_ATTEMPT', value: '3' },
    ];
    const stage = [...attempt, { name: 'JOB_SHRUNK', value: 'yes' }, { name: 'JOB_POOL', value: 'gpu-spot' }];
    expect(buildRunTaskInput(aSpec(), { cluster: 'bpi' })).toEqual({
      cluster: 'bpi',
      taskDefinition: DEFINITION,
      count: 1,
      capacityProviderStrategy: [{ capacityProvider: 'gpu-spot', weight: 1 }],
      clientToken: `${JOB}-3`,
      startedBy: `bpi/${JOB}/3`,
      propagateTags: 'TASK_DEFINITION',
      enableECSManagedTags: true,
      overrides: {
        containerOverrides: [
          { name: 'stage-in', environment: stage },
          { name: 'model', environment: attempt },
          { name: 'stage-out', environment: stage },
        ],
      },
    });
  });

  it('is equal for equal specs, and another for another epoch', () => {
    const settings = { cluster: 'bpi' };
    expect(JSON.stringify(buildRunTaskInput(aSpec(), settings))).toBe(
      JSON.stringify(buildRunTaskInput(aSpec(), settings)),
    );
    expect(clientTokenOf({ ...aSpec(), epoch: 4 })).not.toBe(clientTokenOf(aSpec()));
  });

  it('stays inside the limits of ECS with the longest names and numbers', () => {
    const spec = { ...aSpec(), epoch: 1_000, pool: 'p'.repeat(64) };
    const { clientToken, startedBy, overrides } = buildRunTaskInput(spec, { cluster: 'bpi' });
    expect(clientToken).toMatch(/^[!-~]{1,64}$/);
    expect(startedBy).toMatch(/^[A-Za-z0-9/_-]{1,128}$/);
    expect(JSON.stringify(overrides).length).toBeLessThan(8_192 / 4);
  });
});

describe('the name of who started a task', () => {
  it('leads back to the attempt', () => {
    expect(attemptOfStartedBy(startedByOf(aSpec()))).toEqual({ jobId: JOB, epoch: 3 });
  });

  it.each([
    null,
    '',
    'ecs-svc/1234567890',
    `bpi/${JOB}`,
    `bpi/${JOB}/0`,
    `bpi/${JOB}/03`,
    `bpi/${JOB}/3/4`,
    `bpi/${JOB.toUpperCase()}/3`,
    'bpi/------------------------------------/1',
    `x/bpi/${JOB}/3`,
  ])('is not that of another: %s', (startedBy) => {
    expect(attemptOfStartedBy(startedBy)).toBeNull();
  });
});
