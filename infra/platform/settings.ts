import { z } from 'zod';
import { GPU_FAMILIES, INSTANCE_SIZE_NAMES } from '../constructs/compute/gpu-instances.ts';

/** Retention times that CloudWatch Logs knows. */
const LOG_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** A century. */
const KEPT_DAYS_MAX = 36_500;

/** RFC 1918. */
const PRIVATE_16 = /^(10\.(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])|172\.(1[6-9]|2\d|3[01])|192\.168)\.0\.0\/16$/;

const networkSchema = z.strictObject({
  /**
   * `endpoints`: private subnets and an interface endpoint for every service that is called; nothing reaches the
   * internet. `public`: public subnets without them, for the cheapest dev; nothing is let in but by the ingress.
   */
  mode: z.enum(['endpoints', 'public']),
  cidr: z.string().regex(PRIVATE_16, 'must be a private /16 such as 10.20.0.0/16'),
  /**
   * Ids of zones that have the instance types and take VPC links; each costs its own interface endpoints. Ids, because
   * `us-east-1a` is another building in each account.
   */
  zoneIds: z
    .array(z.string().regex(/^[a-z]{3,6}\d-az\d$/, 'must be ids of zones such as use1-az1'))
    .min(1)
    .max(3)
    .refine(areDifferent, 'must differ from each other'),
  flowLogs: z.boolean(),
});

const gpuSchema = z.strictObject({
  /** One size for all: a scale-out counts with the smallest. */
  size: z.enum(INSTANCE_SIZE_NAMES),
  families: z.array(z.enum(GPU_FAMILIES)).min(1).refine(areDifferent, 'must differ from each other'),
  /** Machines, so slots: every size has one GPU. */
  spotMax: wholeNumber(1, 100),
  onDemandMax: wholeNumber(1, 100),
  rootVolumeGiB: wholeNumber(100, 1_000),
  /** Off, a scale-in may end a machine with a job on it, which then runs again; on, `destroy` has to lift it. */
  terminationProtection: z.boolean(),
  /** Names of models whose weights the machines fetch from the account's weights bucket; each model.json pins its file. */
  weights: z
    .array(z.string().regex(/^[a-z][a-z0-9-]{0,47}$/, 'must be a name of a model'))
    .max(20, 'must be 20 at most')
    .refine(areDifferent, 'must differ from each other'),
});

/** Sizes of Fargate that we use: CPU units (1,024 = one vCPU) and MiB. */
const serviceSchema = z
  .strictObject({
    cpuUnits: z.union([z.literal(256), z.literal(512), z.literal(1_024)]),
    memoryMiB: wholeNumber(512, 8_192),
    tasks: wholeNumber(1, 10),
  })
  .refine(({ cpuUnits, memoryMiB }) => memoryMiB % 1_024 === 0 || (cpuUnits === 256 && memoryMiB === 512), {
    message: 'must ask Fargate for whole GiB (or 512 MiB with 256 CPU units)',
    path: ['memoryMiB'],
  })
  .refine(({ cpuUnits, memoryMiB }) => memoryMiB >= 2 * cpuUnits && memoryMiB <= 8 * cpuUnits, {
    message: 'must be 2 to 8 MiB for each CPU unit, as Fargate demands',
    path: ['memoryMiB'],
  });

const hostName = z.string().regex(/^([a-z0-9-]+\.)+[a-z]{2,}$/, 'must be a host name');
const domainSchema = z
  .strictObject({
    name: hostName,
    /** The public Route 53 zone that the name is in, where its certificate is proven. */ zone: hostName,
  })
  .refine(({ name, zone }) => name === zone || name.endsWith(`.${zone}`), {
    message: 'must lie in its zone',
    path: ['name'],
  });

const ingressSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    /** Public, for a backend elsewhere. AWS's limits: 10 MB per request and 30 s per answer. */
    kind: z.literal('api-gateway'),
    requestsPerS: wholeNumber(1, 10_000),
    requestsBurst: wholeNumber(1, 5_000),
    /** Origins of browsers that may call it; empty = none. */
    corsOrigins: z
      .array(z.url({ protocol: /^https$/, error: 'must be origins such as https://viewer.example.org' }))
      .max(20),
    domain: domainSchema.nullable(),
  }),
  z.strictObject({
    /** Internal, for a backend inside the VPC or connected with it; no limit of size. TLS only, hence the domain. */
    kind: z.literal('alb'),
    clientCidrs: z.array(z.cidrv4('must be address ranges such as 10.0.0.0/8')).min(1).max(20),
    domain: domainSchema,
  }),
]);

/**
 * From the end of a job. One value for what the API promises, the worker removes, and the bucket's rules make sure of. A
 * job that was promised other days keeps them, but the bucket's rules know one number only: before you lower a day here,
 * see docs/deployment.md.
 */
const keptDaysSchema = z
  .strictObject({
    input: wholeNumber(1, KEPT_DAYS_MAX),
    result: wholeNumber(1, KEPT_DAYS_MAX),
    logs: wholeNumber(1, KEPT_DAYS_MAX),
    /** Then nothing but a tombstone is left. */
    record: wholeNumber(1, KEPT_DAYS_MAX),
  })
  .refine(({ input, result, logs, record }) => record >= Math.max(input, result, logs), {
    message: 'must be no less than the others',
    path: ['record'],
  });

const dataSchema = z
  .strictObject({
    versioning: z.boolean(),
    keptDays: keptDaysSchema,
    /** Null = never. Glacier is Glacier Instant Retrieval: results stay downloadable, and cost less. */
    glacierAfterDays: wholeNumber(1, KEPT_DAYS_MAX).nullable(),
    pointInTimeRecovery: z.boolean(),
    deletionProtection: z.boolean(),
    /** Whether bucket, table and key may be deleted, and what is in them. Off, Terraform refuses also to replace them. */
    destroyWithContents: z.boolean(),
  })
  .refine(({ glacierAfterDays, keptDays }) => (glacierAfterDays ?? 0) < keptDays.result, {
    message: 'must be less than keptDays.result',
    path: ['glacierAfterDays'],
  });

const alertsSchema = z.strictObject({
  budgetUsdPerMonth: wholeNumber(1, 1_000_000),
  oldestQueuedMaxMinutes: wholeNumber(5, 2_880),
  /** Machines that run while no job holds a slot; longer than the scale-in, which takes a quarter of an hour. */
  idleGpuMaxMinutes: wholeNumber(30, 1_440),
  latencyMaxMs: wholeNumber(50, 30_000),
});

/**
 * Everything that may differ between environments, in words of its own: no block asks which environment it is in.
 * One value per environment, in `envs/<name>/main.ts`.
 */
export const platformSettingsSchema = z
  .strictObject({
    environment: z.string().regex(/^[a-z][a-z0-9]{1,11}$/, 'must be a short name such as dev'),
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a region such as us-east-1'),
    network: networkSchema,
    gpu: gpuSchema,
    api: serviceSchema,
    worker: serviceSchema,
    /** For requests that name no model; null = they must name one. */
    defaultModel: z.string().nullable(),
    ingress: ingressSchema,
    data: dataSchema,
    encryption: z.enum(['aws-keys', 'own-key']),
    logRetentionDays: z.union(
      LOG_DAYS.map((count) => z.literal(count)),
      'must be a time that CloudWatch knows, such as 7 or 365',
    ),
    containerInsights: z.boolean(),
    alerts: alertsSchema,
  })
  .refine(({ region, network }) => network.zoneIds.every((zone) => zone.startsWith(`${shortRegion(region)}-`)), {
    message: 'must lie in the region',
    path: ['network', 'zoneIds'],
  })
  .refine(({ ingress, network }) => ingress.kind !== 'alb' || network.zoneIds.length >= 2, {
    message: 'must be two at least, which a load balancer demands',
    path: ['network', 'zoneIds'],
  });

export type PlatformSettings = z.infer<typeof platformSettingsSchema>;

/** @throws Error with one sentence per setting that is out of its range, such as `gpu.spotMax must be …`. */
export function checkSettings(settings: PlatformSettings): PlatformSettings {
  const parsed = platformSettingsSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const sentences = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}.`);
  throw new Error([...new Set(sentences)].join('\n'));
}

/** As ids of zones begin: `us-east-1` → `use1`, `ap-southeast-2` → `apse2`. */
function shortRegion(region: string): string {
  const directions = /^(north|south|central)?(east|west)?$/;
  const [partition = '', ...rest] = region.split('-');
  const letters = rest.map((part) => {
    const [, first, second] = directions.exec(part) ?? [];
    return first === undefined && second === undefined ? part.slice(0, 1) : `${first?.[0] ?? ''}${second?.[0] ?? ''}`;
  });
  return `${partition}${letters.join('')}`;
}

function areDifferent(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

function wholeNumber(min: number, max: number): z.ZodNumber {
  const mustBe = `must be a whole number from ${min} to ${max}`;
  return z.number(mustBe).int(mustBe).min(min, mustBe).max(max, mustBe);
}
