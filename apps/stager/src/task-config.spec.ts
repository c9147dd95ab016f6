import { describe, expect, it } from '@jest/globals';
import { parseTaskConfig, taskFileOf } from './task-config.ts';
import { MANIFEST } from './testing/stager-bench.ts';
import { TASK_ENV } from './testing/task-env.ts';

describe('the environment of a stage', () => {
  it('becomes what both stages are about', () => {
    expect(taskFileOf(parseTaskConfig({ ...TASK_ENV, PATH: '/bin' }))).toEqual({
      schema_version: 1,
      job_id: TASK_ENV.JOB_ID,
      epoch: 3,
      model: { name: MANIFEST.name, version: MANIFEST.version },
      pool: 'gpu-spot',
      shrunk: false,
      image_digest: TASK_ENV.MODEL_IMAGE_DIGEST,
    });
  });

  it('has no default: each variable that is missing or empty is named in a sentence', () => {
    const names = Object.keys(TASK_ENV);
    for (const empty of [{}, Object.fromEntries(names.map((name) => [name, '']))]) {
      const sentences = messageOf(empty).split('\n');
      expect(sentences.map((sentence) => sentence.split(' ')[0]).sort()).toEqual(names.sort());
      for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z0-9_]+ is missing: [a-z].+\.$/);
    }
  });

  it.each([
    ['JOB_ID', 'not-an-id'],
    ['JOB_ATTEMPT', '0'],
    ['JOB_ATTEMPT', '1e3'],
    ['JOB_SHRUNK', 'true'],
    ['MODEL_MANIFEST', '{"name":"secret"'],
    ['MODEL_MANIFEST', '{"name":"secret"}'],
    ['MODEL_IMAGE_DIGEST', 'latest'],
    ['TASK_EVENTS_QUEUE_URL', 'queue'],
    ['START_DEADLINE_MS', '-1'],
    ['OUTPUT_BYTES_MAX', 'many'],
    ['AWS_REGION', 'Frankfurt am Main'],
    ['ECS_CONTAINER_METADATA_URI_V4', 'none'],
  ])('refuses %s=%s in one sentence that does not repeat it', (name, value) => {
    const message = messageOf({ ...TASK_ENV, [name]: value });
    expect(message).toMatch(new RegExp(`^${name} is not valid .+\\.$`));
    expect(message.split('\n')).toHaveLength(1);
    expect(message).not.toContain(`${value} `);
    expect(message).not.toContain('secret');
  });
});

function messageOf(env: Record<string, string>): string {
  try {
    parseTaskConfig(env);
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error('the configuration should have been refused');
}
