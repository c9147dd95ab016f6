import { STAGER_ENV, stagerEnvSchema, TASK_CONTAINERS } from '@bpi/adapters-aws';
import { AWS_VARIABLES as API_VARIABLES, parseAwsConfig as parseApiConfig } from '@bpi/api/config';
import { AWS_VARIABLES as WORKER_VARIABLES, parseAwsConfig as parseWorkerConfig } from '@bpi/worker/config';
import { retentionOf } from '@bpi/job-contract';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { JOB_DAYS_MAX } from '../constructs/stores/job-bucket.ts';
import { asApplied } from '../testing/applied.ts';
import { synthesizedEnvironment } from '../testing/environment.ts';
import { all, type SynthesizedStack } from '../testing/synth-construct.ts';
import { readModels } from './catalogue.ts';

const containersSchema = z.array(
  z.object({
    name: z.string(),
    environment: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
  }),
);

const rulesSchema = z.array(
  z.object({ id: z.string(), expiration: z.array(z.object({ days: z.number().optional() })) }),
);
const DAY_MS = 24 * 60 * 60 * 1_000;

/** What ECS and each launch give the stager beside its definition. */
const GIVEN_AT_LAUNCH = {
  [STAGER_ENV.overridden.jobId]: '0d8f3c1e-9a71-4b0e-8f5e-3f6f4f1a2b3c',
  [STAGER_ENV.overridden.attempt]: '1',
  [STAGER_ENV.overridden.shrunk]: 'no',
  [STAGER_ENV.overridden.pool]: 'gpu-spot',
  [STAGER_ENV.given.metadataUri]: 'http://169.254.170.2/v4/id',
};

describe.each(['dev', 'prod'] as const)('the containers of %s', (environment) => {
  let stack: SynthesizedStack;
  beforeAll(() => {
    stack = synthesizedEnvironment(environment);
  });

  /** The environment of every container with this name, as it is after `apply`. */
  function environmentsOf(name: string): Record<string, string>[] {
    const definitions = all(stack, 'aws_ecs_task_definition').map((body) =>
      asApplied(stack, body['container_definitions']),
    );
    const containers = definitions.flatMap((text) => containersSchema.parse(JSON.parse(String(text))));
    const found = containers.filter((container) => container.name === name);
    expect(found.length).toBeGreaterThan(0);
    return found.map((container) =>
      Object.fromEntries(container.environment.map(({ name: key, value }) => [key, value])),
    );
  }

  const unknownTo = (names: readonly string[], env: object) => Object.keys(env).filter((name) => !names.includes(name));

  it('give the API what it takes, and nothing else', () => {
    for (const env of environmentsOf('api')) {
      expect(parseApiConfig(env)).toMatchObject({ AWS_REGION: 'us-east-1', SCRATCH_DIR: expect.any(String) });
      expect(unknownTo(API_VARIABLES, env)).toEqual([]);
    }
  });

  it('give the worker what it takes, and nothing else', async () => {
    const models = await readModels();
    expect(models.map(({ name }) => name)).toEqual(['biomedparse', 'brain-mri']);
    for (const env of environmentsOf('worker')) {
      const config = parseWorkerConfig(env);
      expect(config.POOLS.map(([pool]) => pool)).toEqual([
        `bpi-${environment}-gpu-spot`,
        `bpi-${environment}-gpu-on-demand`,
      ]);
      expect(Object.keys(config.TASK_DEFINITIONS)).toEqual(models.map(({ name, version }) => `${name}@${version}`));
      expect(unknownTo(WORKER_VARIABLES, env)).toEqual([]);
    }
  });

  it('give API and worker the same places', () => {
    const [api] = environmentsOf('api');
    const [worker] = environmentsOf('worker');
    for (const name of ['AWS_REGION', 'BUCKET', 'JOBS_TABLE', 'JOB_QUEUE_URL', 'POOLS']) {
      expect({ name, value: worker?.[name] }).toEqual({ name, value: api?.[name] });
    }
  });

  it('promise what the rules of the bucket and the worker hold', () => {
    const [api] = environmentsOf('api').map((env) => retentionOf(parseApiConfig(env)));
    expect(environmentsOf('worker').map((env) => retentionOf(parseWorkerConfig(env)))).toEqual([api]);
    const lifecycles = all(stack, 'aws_s3_bucket_lifecycle_configuration').flatMap(({ rule }) =>
      rulesSchema.parse(rule),
    );
    const removedMs = (kind: string) => (lifecycles.find(({ id }) => id === kind)?.expiration[0]?.days ?? 0) * DAY_MS;
    const slackMs = JOB_DAYS_MAX * DAY_MS;
    expect([removedMs('input'), removedMs('result'), removedMs('attempt')]).toEqual(
      [api?.inputMs, api?.resultMs, api?.logsMs].map((keptMs = 0) => keptMs + slackMs),
    );
  });

  it.each([TASK_CONTAINERS.stageIn, TASK_CONTAINERS.stageOut])(
    'give the %s of a job what it takes, and nothing else',
    (stage) => {
      for (const env of environmentsOf(stage)) {
        const parsed = stagerEnvSchema.safeParse({ ...env, ...GIVEN_AT_LAUNCH });
        expect(parsed.error?.issues ?? []).toEqual([]);
        expect(unknownTo(Object.values(STAGER_ENV.fixed), env)).toEqual([]);
      }
    },
  );

  it('give a model nothing of the platform’s', () => {
    const platform = [...Object.values(STAGER_ENV.fixed), ...API_VARIABLES, ...WORKER_VARIABLES];
    for (const env of environmentsOf(TASK_CONTAINERS.model)) {
      expect(Object.keys(env).filter((name) => platform.includes(name))).toEqual([]);
    }
  });

  it('cannot be parsed once a variable has another name', () => {
    const [env] = environmentsOf('worker');
    const { CLUSTER, ...rest } = env ?? {};
    expect(() => parseWorkerConfig({ ...rest, CLUSTER_ARN: CLUSTER })).toThrow('CLUSTER must be');
    expect(unknownTo(WORKER_VARIABLES, { ...rest, CLUSTER_ARN: CLUSTER })).toEqual(['CLUSTER_ARN']);
  });
});
