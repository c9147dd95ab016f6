/** The development environment: cheap, empty when idle, gone after `npx nx run infra:destroy-dev`. */
import { join } from 'node:path';
import { synthesizeEnvironment } from '../../platform/synthesize-environment.ts';

await synthesizeEnvironment(
  {
    environment: 'dev',
    region: 'us-east-1',
    network: { mode: 'endpoints', cidr: '10.20.0.0/16', zoneIds: ['use1-az1'], flowLogs: false },
    gpu: {
      size: 'xlarge',
      families: ['g4dn', 'g5'],
      spotMax: 1,
      onDemandMax: 1,
      rootVolumeGiB: 100,
      terminationProtection: false,
      weights: [],
    },
    api: { cpuUnits: 256, memoryMiB: 1_024, tasks: 1 },
    worker: { cpuUnits: 256, memoryMiB: 512, tasks: 1 },
    defaultModel: 'brain-mri',
    ingress: { kind: 'api-gateway', requestsPerS: 20, requestsBurst: 40, corsOrigins: [], domain: null },
    data: {
      versioning: false,
      keptDays: { input: 7, result: 30, logs: 30, record: 365 },
      glacierAfterDays: null,
      pointInTimeRecovery: false,
      deletionProtection: false,
      destroyWithContents: true,
    },
    encryption: 'aws-keys',
    logRetentionDays: 7,
    containerInsights: false,
    alerts: { budgetUsdPerMonth: 150, oldestQueuedMaxMinutes: 60, idleGpuMaxMinutes: 60, latencyMaxMs: 2_000 },
  },
  { outdir: join(import.meta.dirname, 'cdktf.out'), imagesFile: process.env['IMAGE_DIGESTS'] },
);
