import { all, type Body, type SynthesizedStack } from './synth-construct.ts';

/** USD in us-east-1, from AWS's public price pages in November 2026. */
const PRICES = {
  endpointHour: 0.01,
  fargateArmVcpuHour: 0.03238,
  fargateArmGbHour: 0.00356,
  loadBalancerHour: 0.0225,
  publicIpv4Hour: 0.005,
  keyMonth: 1,
  alarmMetricMonth: 0.1,
  imageGbMonth: 0.1,
} as const;
const HOURS = 730;

/** Compressed, in the registry: the apps and a model with CUDA. */
const IMAGES_GB = 10;

export type CostRow = { what: string; arithmetic: string; usd: number };

/** What a stack costs in a month without jobs, by what is in it. */
export function idleCosts(stack: SynthesizedStack): CostRow[] {
  const count = (type: string) => all(stack, type).length;
  const endpoints = all(stack, 'aws_vpc_endpoint').filter((one) => one['vpc_endpoint_type'] === 'Interface').length;
  const zones = count('aws_subnet');
  const services = all(stack, 'aws_ecs_service');
  const addresses = services
    .filter(hasPublicAddress)
    .reduce((sum, service) => sum + Number(service['desired_count']), 0);
  const rows = [
    hourly('interface endpoints', `${endpoints} in ${zones} zone(s)`, endpoints * zones, PRICES.endpointHour),
    hourly('public IPv4 addresses', `${addresses} tasks`, addresses, PRICES.publicIpv4Hour),
    ...services.map((service) => fargate(stack, service)),
    hourly('load balancer, without its traffic', '1', count('aws_lb'), PRICES.loadBalancerHour),
    monthly('key', count('aws_kms_key'), PRICES.keyMonth),
    monthly('metrics in alarms', alarmMetrics(stack), PRICES.alarmMetricMonth),
    monthly('images, GB', IMAGES_GB, PRICES.imageGbMonth),
  ];
  return rows.filter(({ usd }) => usd > 0);
}

/** In Markdown. */
export function costTable(rows: readonly CostRow[]): string {
  const sum = rows.reduce((total, { usd }) => total + usd, 0);
  return [
    '| what | arithmetic | USD a month |',
    '|---|---|---|',
    ...rows.map(({ what, arithmetic, usd }) => `| ${what} | ${arithmetic} | ${usd.toFixed(2)} |`),
    `| all | | **${sum.toFixed(2)}** |`,
  ].join('\n');
}

/** An alarm over a formula costs as much as the metrics in it. */
function alarmMetrics(stack: SynthesizedStack): number {
  const inFormula = (alarm: Body) =>
    Array.isArray(alarm['metric_query'])
      ? alarm['metric_query'].filter((query) => 'metric' in Object(query)).length
      : 1;
  return all(stack, 'aws_cloudwatch_metric_alarm').reduce((sum, alarm) => sum + inFormula(alarm), 0);
}

function fargate(stack: SynthesizedStack, service: Body): CostRow {
  const id = /aws_ecs_task_definition\.([\w-]+)\./.exec(String(service['task_definition']))?.[1] ?? '';
  const definition = stack.resource['aws_ecs_task_definition']?.[id];
  const [vcpus, gb] = [Number(definition?.['cpu']) / 1_024, Number(definition?.['memory']) / 1_024];
  const tasks = Number(service['desired_count']);
  const { fargateArmVcpuHour: perVcpu, fargateArmGbHour: perGb } = PRICES;
  return {
    what: String(service['name']),
    arithmetic: `${tasks} × (${vcpus} vCPU × ${perVcpu} + ${gb} GB × ${perGb}) × ${HOURS} h`,
    usd: tasks * (vcpus * perVcpu + gb * perGb) * HOURS,
  };
}

function hasPublicAddress(service: Body): boolean {
  return JSON.stringify(service['network_configuration']).includes('"assign_public_ip":true');
}

function hourly(what: string, counted: string, number: number, perHour: number): CostRow {
  return { what, arithmetic: `${counted} × ${perHour} × ${HOURS} h`, usd: number * perHour * HOURS };
}

function monthly(what: string, number: number, each: number): CostRow {
  return { what, arithmetic: `${number} × ${each}`, usd: number * each };
}
