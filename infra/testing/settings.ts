import type { PlatformSettings } from '../platform/settings.ts';

/** Valid settings that differ from both environments; tests change what they are about. */
export function someSettings(changes: Partial<PlatformSettings> = {}): PlatformSettings {
  return {
    environment: 'test',
    region: 'us-east-1',
    network: { mode: 'endpoints', cidr: '10.40.0.0/16', zoneIds: ['use1-az1', 'use1-az2'], flowLogs: true },
    gpu: {
      size: '2xlarge',
      families: ['g5'],
      spotMax: 3,
      onDemandMax: 2,
      rootVolumeGiB: 200,
      terminationProtection: true,
      weights: [],
    },
    api: { cpuUnits: 512, memoryMiB: 1_024, tasks: 2 },
    worker: { cpuUnits: 256, memoryMiB: 512, tasks: 2 },
    defaultModel: null,
    ingress: {
      kind: 'api-gateway',
      requestsPerS: 10,
      requestsBurst: 20,
      corsOrigins: ['https://viewer.example.org'],
      domain: { name: 'api.example.org', zone: 'example.org' },
    },
    data: {
      versioning: true,
      keptDays: { input: 14, result: 90, logs: 21, record: 400 },
      glacierAfterDays: 60,
      pointInTimeRecovery: true,
      deletionProtection: true,
      destroyWithContents: false,
    },
    encryption: 'own-key',
    logRetentionDays: 30,
    containerInsights: true,
    alerts: { budgetUsdPerMonth: 10, oldestQueuedMaxMinutes: 30, idleGpuMaxMinutes: 45, latencyMaxMs: 500 },
    ...changes,
  };
}
