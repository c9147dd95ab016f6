import { describe, expect, it } from '@jest/globals';
import { parseAwsConfig } from './config.aws.ts';
import { ConfigError } from './config.ts';

const ENV = {
  AWS_REGION: 'eu-central-1',
  JOBS_TABLE: 'jobs',
  JOB_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/jobs',
  BUCKET: 'job-bucket',
  POOLS: 'gpu-spot=2,gpu-on-demand=1',
  SCRATCH_DIR: '/scratch',
};

describe('the API’s configuration on AWS', () => {
  it('takes what names an environment, and defaults for the rest', () => {
    expect(parseAwsConfig({ ...ENV, DEFAULT_MODEL: '' })).toMatchObject({ BUCKET: 'job-bucket', PORT: 8080 });
  });

  it('names every variable that is missing, one sentence each', () => {
    const refused = () => parseAwsConfig({});
    expect(refused).toThrow(ConfigError);
    for (const name of Object.keys(ENV)) expect(refused).toThrow(new RegExp(`^${name} must be .*\\.$`, 'm'));
  });

  it.each([
    ['PORT', '65536'],
    ['UPLOAD_BYTES_MAX', 'plenty'],
    ['POOLS', 'gpu=many'],
    ['BUCKET', 'Not A Bucket'],
  ])('refuses %s=%s without repeating it', (name, value) => {
    expect(() => parseAwsConfig({ ...ENV, [name]: value })).toThrow(new RegExp(`^${name} (?!.*${value})`));
  });
});
