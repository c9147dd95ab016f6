import { readFileSync } from 'node:fs';
import { REQUIRED_SETTINGS } from '@bpi/adapters-aws';

/** On every GPU machine: `WEIGHTS_FOLDER/<model>` holds the weights of a model, which its tasks mount. */
export const WEIGHTS_FOLDER = '/var/lib/bpi/weights';

/** Settings of ECS's agent beside the cluster's name ("Amazon ECS container agent configuration"). */
export const AGENT_SETTINGS = {
  ...REQUIRED_SETTINGS.agent,
  ECS_ENABLE_GPU_SUPPORT: 'true',
  /** Images go by digest, so one that is there is the right one. It also keeps them until the machine ends. */
  ECS_IMAGE_PULL_BEHAVIOR: 'prefer-cached',
  /** An interrupted machine gets no new tasks; its own are stopped by the worker. */
  ECS_ENABLE_SPOT_INSTANCE_DRAINING: 'true',
  /** Our tasks run in bridge mode, where the hop limit does it; this is for a task of another mode. */
  ECS_AWSVPC_BLOCK_IMDS: 'true',
  ECS_DISABLE_PRIVILEGED: 'true',
  /** The stages log as the task's execution role: the machine's own may write no log. */
  ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE: 'true',
} as const;

export type GpuUserDataSettings = {
  clusterName: string;
  region: string;
  weightsBucketName: string;
  /** By model. */
  weights: Readonly<Record<string, { file: string; sha256: string }>>;
};

/** What is around the script; another one in its tests. */
export type Surroundings = {
  metadataUrl: string;
  storeUrl: string;
  weightsFolder: string;
  agentConfig: string;
  console: string;
  powerOff: readonly string[];
  /** Seconds before each further attempt. */
  waitsS: readonly number[];
};

/** A role is known to S3 some seconds after it was made; a minute is more than that, and less than a job waits. */
const WAITS_S = [5, 10, 20, 30];

/** EC2's limit, before base64. */
const USER_DATA_BYTES_MAX = 16 * 1024;

const SCRIPT = readFileSync(new URL('gpu-machine-start.py', import.meta.url), 'utf8');

/** What a GPU machine does at its first start, before it joins the cluster: a script for cloud-init. */
export function gpuUserData(settings: GpuUserDataSettings, surroundings: Partial<Surroundings> = {}): string {
  const { clusterName, region, weightsBucketName } = settings;
  const filled = JSON.stringify({
    region,
    weights: Object.entries(settings.weights).map(([model, { file, sha256 }]) => ({ key: `${model}/${file}`, sha256 })),
    agent: { ECS_CLUSTER: clusterName, ...AGENT_SETTINGS },
    metadataUrl: 'http://169.254.169.254',
    storeUrl: `https://${weightsBucketName}.s3.${region}.amazonaws.com`,
    weightsFolder: WEIGHTS_FOLDER,
    agentConfig: '/etc/ecs/ecs.config',
    console: '/dev/console',
    powerOff: ['/usr/bin/systemctl', 'poweroff'],
    waitsS: WAITS_S,
    ...surroundings,
  });
  const script = SCRIPT.replace('@SETTINGS@', () => filled);
  const bytes = Buffer.byteLength(script);
  if (bytes > USER_DATA_BYTES_MAX) {
    throw new Error(`The user data of a GPU machine has ${bytes} bytes, and EC2 takes 16 KiB: list fewer weights.`);
  }
  return script;
}
