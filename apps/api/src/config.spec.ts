import { DEFAULT_RETENTION } from '@bpi/job-contract';
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_SETTINGS } from './settings.ts';
import { chooseDefaultModel, ConfigError, parseConfig } from './config.ts';

describe('parseConfig', () => {
  it('needs nothing', () => {
    expect(parseConfig({ DEFAULT_MODEL: '', PATH: '/bin' })).toEqual({
      host: '127.0.0.1',
      isLoopback: true,
      port: 8080,
      dataDir: './data',
      modelsDirs: ['apps/models'],
      defaultModel: null,
      localSlots: 1,
      uploadBytesMax: 1024 ** 3,
      limits: {
        uploadsPerClientMax: 4,
        uploadsMax: 64,
        bytesInFlightPerClientMax: 4 * 1024 ** 3,
        bytesInFlightMax: 16 * 1024 ** 3,
        queuedJobsPerClientMax: 1_000,
        scratchReserveBytes: 256 * 1024 ** 2,
        dataReserveBytes: 256 * 1024 ** 2,
        rates: DEFAULT_SETTINGS.rates,
      },
      metricsAt: null,
      hasGpu: false,
      retention: DEFAULT_RETENTION,
    });
  });

  it('reads what is there', () => {
    const env = { HOST: '0.0.0.0', PORT: '0', MODELS_DIRS: 'a:b', GPU: '1', LOCAL_SLOTS: '2' };
    expect(parseConfig(env)).toMatchObject({
      isLoopback: false,
      port: 0,
      modelsDirs: ['a', 'b'],
      hasGpu: true,
      localSlots: 2,
    });
  });

  it('reads the limits', () => {
    const { limits } = parseConfig({
      QUEUED_JOBS_PER_CLIENT_MAX: '7',
      DISK_RESERVE_BYTES: '9',
      RATE_LIMITS: 'submit=5/60,other=1/2',
    });
    expect(limits).toMatchObject({ queuedJobsPerClientMax: 7, scratchReserveBytes: 9, dataReserveBytes: 9 });
    const { submit, other, status } = limits.rates;
    expect([submit, other]).toEqual([
      { quota: 5, windowS: 60 },
      { quota: 1, windowS: 2 },
    ]);
    expect(status).toEqual(DEFAULT_SETTINGS.rates.status);
  });

  it('offers metrics where it is told to', () => {
    expect(parseConfig({ METRICS_PORT: '9100' }).metricsAt).toEqual({ host: '127.0.0.1', port: 9100 });
  });

  it.each([
    ['PORT', '80a'],
    ['QUEUED_JOBS_PER_CLIENT_MAX', '100001'],
    ['UPLOADS_MAX', '0'],
    ['RATE_LIMITS', 'submit=0/10'],
    ['RATE_LIMITS', 'submit=1/1,submit=2/1'],
    ['RATE_LIMITS', 'admit=1/1'],
    ['METRICS_PORT', '-1'],
    ['PORT', '70000'],
    ['PORT', '1.5'],
    ['LOCAL_SLOTS', '0'],
    ['UPLOAD_BYTES_MAX', '99999999999'],
    ['GPU', 'yes'],
    ['DEFAULT_MODEL', 'No Name'],
    ['MODELS_DIRS', ':'],
    ['RETENTION_INPUT_DAYS', 'week'],
    ['RETENTION_RESULT_DAYS', '0'],
    ['RETENTION_LOGS_DAYS', '-1'],
    ['RETENTION_RECORD_DAYS', '36501'],
    ['RETENTION_RECORD_DAYS', '29'],
  ])('says in one sentence what %s must be (%s), without its value', (name, value) => {
    expect.assertions(3);
    try {
      parseConfig({ [name]: value });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      expect(error.message).toMatch(new RegExp(`^${name} must be (?:[^.]|\\.\\d)+\\.$`));
      expect(error.message).not.toContain(` ${value} `);
      expect(error.message.length).toBeLessThan(120);
    }
  });

  it('says it of every wrong variable at once', () => {
    expect(() => parseConfig({ PORT: 'x', GPU: 'x' })).toThrow(/PORT must be .*\. GPU must be .*\./);
  });

  it.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost'])('knows %s as loopback', (HOST) => {
    expect(parseConfig({ HOST }).isLoopback).toBe(true);
  });

  const reachable = ['0.0.0.0', '::', '10.0.0.1', 'example.org', '127.0.0.1.example.org', '1270.0.1'];
  it.each(reachable)('knows %s as reachable', (HOST) => {
    expect(parseConfig({ HOST }).isLoopback).toBe(false);
  });
});

describe('chooseDefaultModel', () => {
  it('takes the configured one, or the only one, or none', () => {
    expect(chooseDefaultModel('b', ['a', 'b'])).toBe('b');
    expect(chooseDefaultModel(null, ['a'])).toBe('a');
    expect(chooseDefaultModel(null, ['a', 'b'])).toBeNull();
    expect(() => chooseDefaultModel('c', ['a', 'b'])).toThrow(ConfigError);
  });
});
