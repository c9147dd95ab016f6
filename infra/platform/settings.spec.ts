import { describe, expect, it } from '@jest/globals';
import { someSettings } from '../testing/settings.ts';
import { checkSettings, type PlatformSettings } from './settings.ts';

const { network, gpu, api, data } = someSettings();
const domain = { name: 'api.example.org', zone: 'example.org' };

describe('the settings of an environment', () => {
  it('pass as they are when they are in their ranges', () => {
    expect(checkSettings(someSettings())).toEqual(someSettings());
  });

  it.each([
    ['eu-central-1', 'euc1'],
    ['ap-southeast-2', 'apse2'],
    ['us-gov-west-1', 'usgw1'],
  ])('take the zones of %s, whose ids begin with %s', (region, short) => {
    const zoneIds = [`${short}-az1`, `${short}-az3`];
    expect(checkSettings(someSettings({ region, network: { ...network, zoneIds } })).network.zoneIds).toEqual(zoneIds);
  });

  it.each<[string, Partial<PlatformSettings>]>([
    ['gpu.spotMax must be a whole number from 1 to 100.', { gpu: { ...gpu, spotMax: 0 } }],
    ['gpu.rootVolumeGiB must be a whole number from 100 to 1000.', { gpu: { ...gpu, rootVolumeGiB: 30 } }],
    ['gpu.weights.0 must be a name of a model.', { gpu: { ...gpu, weights: ['../brain-mri'] } }],
    ['gpu.weights must be 20 at most.', { gpu: { ...gpu, weights: Array.from({ length: 21 }, (_, n) => `m${n}`) } }],
    ['gpu.weights must differ from each other.', { gpu: { ...gpu, weights: ['three-d', 'three-d'] } }],
    ['api.memoryMiB must be 2 to 8 MiB for each CPU unit, as Fargate demands.', { api: { ...api, memoryMiB: 8_192 } }],
    [
      'data.keptDays.input must be a whole number from 1 to 36500.',
      { data: { ...data, keptDays: { ...data.keptDays, input: 0 } } },
    ],
    [
      'data.keptDays.record must be no less than the others.',
      { data: { ...data, keptDays: { ...data.keptDays, record: 89 } } },
    ],
    ['data.glacierAfterDays must be less than keptDays.result.', { data: { ...data, glacierAfterDays: 90 } }],
    ['logRetentionDays must be a time that CloudWatch knows, such as 7 or 365.', { logRetentionDays: 8 }],
    ['network.cidr must be a private /16 such as 10.20.0.0/16.', { network: { ...network, cidr: '8.8.0.0/16' } }],
    ['network.cidr must be a private /16 such as 10.20.0.0/16.', { network: { ...network, cidr: '172.200.0.0/16' } }],
    ['network.cidr must be a private /16 such as 10.20.0.0/16.', { network: { ...network, cidr: '10.999.0.0/16' } }],
    ['network.zoneIds must differ from each other.', { network: { ...network, zoneIds: ['use1-az1', 'use1-az1'] } }],
    ['gpu.families must differ from each other.', { gpu: { ...gpu, families: ['g5', 'g5'] } }],
    ['network.zoneIds must lie in the region.', { network: { ...network, zoneIds: ['euw1-az1', 'euw1-az2'] } }],
    [
      'network.zoneIds.0 must be ids of zones such as use1-az1.',
      { network: { ...network, zoneIds: ['use1-1a', 'use1-az2'] } },
    ],
    ['environment must be a short name such as dev.', { environment: 'Development' }],
    [
      'network.zoneIds must be two at least, which a load balancer demands.',
      {
        network: { ...network, zoneIds: ['use1-az1'] },
        ingress: { kind: 'alb', clientCidrs: ['10.0.0.0/8'], domain },
      },
    ],
    [
      'ingress.clientCidrs.0 must be address ranges such as 10.0.0.0/8.',
      { ingress: { kind: 'alb', clientCidrs: ['everybody'], domain } },
    ],
    [
      'ingress.domain.name must lie in its zone.',
      { ingress: { kind: 'alb', clientCidrs: ['10.0.0.0/8'], domain: { ...domain, zone: 'example.com' } } },
    ],
  ])('are refused with one sentence: %s', (sentence, changes) => {
    expect(() => checkSettings(someSettings(changes))).toThrow(new Error(sentence));
  });
});
