/** The production environment. There is no command that destroys it. */
import { join } from 'node:path';
import { synthesizeEnvironment } from '../../platform/synthesize-environment.ts';

await synthesizeEnvironment(
  {
    environment: 'prod',
    region: 'us-east-1',
    network: { mode: 'endpoints', cidr: '10.30.0.0/16', zoneIds: ['use1-az1', 'use1-az2'], flowLogs: true },
    gpu: {
      size: 'xlarge',
      families: ['g4dn', 'g5'],
      spotMax: 4,
      onDemandMax: 2,
      rootVolumeGiB: 150,
      terminationProtection: true,
      weights: [],
    },
    api: { cpuUnits: 512, memoryMiB: 2_048, tasks: 2 },
    worker: { cpuUnits: 256, memoryMiB: 1_024, tasks: 2 },
    defaultModel: 'brain-mri',
    // A reserved name: put your own and its public Route 53 zone.
    ingress: {
      kind: 'alb',
      clientCidrs: ['10.0.0.0/8'],
      domain: { name: 'segmentation.example.org', zone: 'example.org' },
    },
    data: {
      versioning: true,
      keptDays: { input: 30, result: 3_650, logs: 30, record: 3_650 },
      glacierAfterDays: 90,
      pointInTimeRecovery: true,
      deletionProtection: true,
      destroyWithContents: false,
    },
    encryption: 'own-key',
    logRetentionDays: 365,
    containerInsights: true,
    alerts: { budgetUsdPerMonth: 1_000, oldestQueuedMaxMinutes: 60, idleGpuMaxMinutes: 60, latencyMaxMs: 1_000 },
  },
  { outdir: join(import.meta.dirname, 'cdktf.out'), imagesFile: process.env['IMAGE_DIGESTS'] },
);
