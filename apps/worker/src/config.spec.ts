import { describe, expect, it } from '@jest/globals';
import { parseConfig } from './config.ts';

describe('the worker’s configuration', () => {
  it('has a default for everything on one machine', () => {
    expect(parseConfig({})).toMatchObject({ localSlots: 1, dockerSocket: '/var/run/docker.sock', healthPort: 0 });
  });

  it('makes folders absolute and splits the catalogue', () => {
    const config = parseConfig({ DATA_DIR: '/srv/data', MODELS_DIRS: '/a:/b' });
    expect(config).toMatchObject({ dataDir: '/srv/data', modelsDirs: ['/a', '/b'] });
  });

  it('looks for weights in the data folder, or where it is told to', () => {
    expect(parseConfig({ DATA_DIR: '/srv/data' }).weightsDir).toBe('/srv/data/weights');
    expect(parseConfig({ DATA_DIR: '/srv/data', WEIGHTS_DIR: '/mnt/weights' }).weightsDir).toBe('/mnt/weights');
  });

  it('names every variable that is wrong, each in a sentence', () => {
    const wrong = { LOCAL_SLOTS: '0', HEALTH_PORT: 'x', SWEEP_INTERVAL_MS: '1' };
    for (const name of Object.keys(wrong))
      expect(() => parseConfig(wrong)).toThrow(new RegExp(`^${name}: .+\\.$`, 'm'));
  });
});
