import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint/index.js';
import type { TerraformStack } from 'cdktf';
import { Construct } from 'constructs';
import type { FargateServiceSettings } from '../constructs/services/fargate-service.ts';
import type { JobPlaces } from '../constructs/services/service-access.ts';
import { ServiceRole } from '../constructs/service-role.ts';
import type { StackContext } from '../constructs/stack-context.ts';
import type { Statement } from '../constructs/policy.ts';
import { all, TEST_CONTEXT, type Body, type SynthesizedStack } from './synth-construct.ts';

const { region, accountId } = TEST_CONTEXT;

/** Private, with one endpoint, and groups that are named after their ids. */
export class TestNetwork extends Construct {
  readonly vpcId = 'vpc-test';
  readonly subnetIds = ['subnet-a', 'subnet-b'];
  readonly publicAddresses: boolean = false;

  constructor(scope: Construct, id = 'network') {
    super(scope, id);
    new VpcEndpoint(this, 'endpoint', { vpcId: this.vpcId, serviceName: 'com.amazonaws.us-east-1.logs' });
  }

  clientGroup(id: string): string {
    return `sg-${id}`;
  }
}

export const PLACES: JobPlaces = {
  table: {
    name: 'bpi-test-jobs',
    arn: arnOf('dynamodb', 'table/jobs'),
    indexArns: ['active', 'queued'].map((index) => arnOf('dynamodb', `table/jobs/index/${index}`)),
  },
  bucket: { name: 'bpi-test-jobs-0', arn: 'arn:aws:s3:::bpi-test-jobs-0' },
  jobQueue: { url: 'https://sqs.us-east-1.amazonaws.com/0/jobs', arn: arnOf('sqs', 'jobs') },
  keptDays: { input: 14, result: 90, logs: 21, record: 400 },
  pools: [
    { name: 'bpi-test-gpu-spot', slots: 2 },
    { name: 'bpi-test-gpu-on-demand', slots: 1 },
  ],
  metricsNamespace: 'BiomedParseInference/test',
};

/** In the test context's account and region. */
export function arnOf(service: string, resource: string): string {
  return `arn:aws:${service}:${region}:${accountId}:${resource}`;
}

export function aTaskRole(scope: TerraformStack, context: StackContext, name: string): ServiceRole {
  const statements: Statement[] = [];
  return new ServiceRole(scope, name, context, {
    name,
    description: name,
    service: 'ecs-tasks.amazonaws.com',
    statements,
  });
}

/** The one container of the one task definition. */
export function containerOf(stack: SynthesizedStack): Record<string, unknown> {
  const [definition] = all(stack, 'aws_ecs_task_definition');
  const [container] = JSON.parse(String(definition?.['container_definitions'])) as Record<string, unknown>[];
  if (container === undefined) throw new Error('There is no container in the stack.');
  return container;
}

/** Statements of the inline policies of a role's name, as AWS takes them. */
export function statementsOf(stack: SynthesizedStack, policyName: string): Statement[] {
  const policies = all(stack, 'aws_iam_role_policy').filter(({ name }: Body) => name === policyName);
  return policies.flatMap(({ policy }) => (JSON.parse(String(policy)) as { Statement: Statement[] }).Statement);
}

export const A_SERVICE: Omit<FargateServiceSettings, 'network' | 'taskRole' | 'executionRole'> = {
  name: 'api',
  image: `registry.test/bpi/api@sha256:${'a'.repeat(64)}`,
  cpuUnits: 256,
  memoryMiB: 512,
  tasks: 1,
  clusterArn: arnOf('ecs', 'cluster/bpi-test'),
  logGroupName: '/bpi/test/api',
  environment: { LATER: 'b', EARLIER: 'a' },
  port: 8080,
  scratchDir: null,
  stopTimeoutS: 45,
  ingress: null,
  after: [],
};
