import { EcsService, type EcsServiceConfig } from '@cdktf/provider-aws/lib/ecs-service/index.js';
import { EcsTaskDefinition } from '@cdktf/provider-aws/lib/ecs-task-definition/index.js';
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule/index.js';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule/index.js';
import { Op, TerraformResource, TerraformSelf, type ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import { serviceContainer } from './service-container.ts';
import type { StackContext } from '../stack-context.ts';

/** What a service needs of the network; `Network` is one. */
export type ServiceNetwork = Construct & {
  subnetIds: string[];
  /** Whether a task needs an address of its own to reach AWS. Nothing is let in by it. */
  publicAddresses: boolean;
  clientGroup(id: string, group: { name: string; description: string }): string;
};

/** How requests come to a service. Both kinds reach its port from the ingress's security group and nowhere else. */
export type ServiceIngress = {
  groupId: string;
  target:
    | { kind: 'registry'; arn: string }
    /** ECS takes a target group only once a listener uses it, hence `listeners`. */
    | { kind: 'target-group'; arn: string; listeners: ITerraformDependable[]; healthGraceS: number };
};

export type FargateServiceSettings = {
  /** The last part of its name, and the name of its container. */
  name: string;
  /** Ends in its digest; for arm64. */
  image: string;
  cpuUnits: number;
  memoryMiB: number;
  tasks: number;
  clusterArn: string;
  network: ServiceNetwork;
  logGroupName: string;
  /** What the program may do, and what Fargate may do to start it. Tasks start only when both are whole. */
  taskRole: Construct & { arn: string };
  executionRole: Construct & { arn: string };
  environment: Readonly<Record<string, string>>;
  /** Answers `/health/live`; requests come here too if there is an ingress. */
  port: number;
  /** A folder that the image declares as a volume, for a program that writes files; null = nothing can be written. */
  scratchDir: string | null;
  /** SIGTERM to SIGKILL; longer than the program takes to end by itself. */
  stopTimeoutS: number;
  ingress: ServiceIngress | null;
  /** What must be whole before a task of it runs. */
  after: readonly ITerraformDependable[];
};

const SCRATCH_VOLUME = 'scratch';

/** Tasks that run as long as the environment does, on Fargate's ARM64 machines. A deployment that fails is taken back. */
export class FargateService extends Construct {
  readonly name: string;
  readonly groupId: string;
  /** Its tasks run, and those of the release before are gone. */
  readonly ready: readonly ITerraformDependable[];

  constructor(scope: Construct, id: string, context: StackContext, settings: FargateServiceSettings) {
    super(scope, id);
    const { ingress, network } = settings;
    this.groupId = network.clientGroup(settings.name, {
      name: settings.name,
      description: `Tasks of the ${settings.name}`,
    });
    if (ingress !== null) this.#admit(ingress.groupId, settings.port);
    const definition = this.#define(context, settings);
    const service = new EcsService(this, 'service', {
      name: context.name(settings.name),
      cluster: settings.clusterArn,
      taskDefinition: definition.arn,
      desiredCount: settings.tasks,
      launchType: 'FARGATE',
      platformVersion: '1.4.0',
      enableExecuteCommand: false,
      enableEcsManagedTags: true,
      propagateTags: 'SERVICE',
      networkConfiguration: {
        subnets: network.subnetIds,
        securityGroups: [this.groupId],
        assignPublicIp: network.publicAddresses,
      },
      ...deployment(definition.arn, settings.name),
      ...(ingress === null ? {} : attachment(ingress, settings)),
      dependsOn: [
        ...resourcesOf(network).filter(isWayToAws),
        ...resourcesOf(settings.taskRole),
        ...resourcesOf(settings.executionRole),
        ...(ingress?.target.kind === 'target-group' ? ingress.target.listeners : []),
        ...settings.after,
      ],
    });
    this.name = service.name;
    this.ready = [service];
  }

  #define(context: StackContext, settings: FargateServiceSettings): EcsTaskDefinition {
    const mount = settings.scratchDir === null ? null : { volume: SCRATCH_VOLUME, path: settings.scratchDir };
    return new EcsTaskDefinition(this, 'task', {
      family: context.name(settings.name),
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      runtimePlatform: { operatingSystemFamily: 'LINUX', cpuArchitecture: 'ARM64' },
      cpu: String(settings.cpuUnits),
      memory: String(settings.memoryMiB),
      taskRoleArn: settings.taskRole.arn,
      executionRoleArn: settings.executionRole.arn,
      containerDefinitions: JSON.stringify([serviceContainer({ ...settings, mount, region: context.region })]),
      ...(mount === null ? {} : { volume: [{ name: mount.volume }] }),
      // The revision before stays usable: a failed deployment goes back to it. Making the new one before the old one
      // goes would do, too, but Terraform then wants the same of every role and log group that it names.
      skipDestroy: true,
    });
  }

  #admit(ingressGroupId: string, port: number): void {
    const tcp = { ipProtocol: 'tcp', fromPort: port, toPort: port };
    new VpcSecurityGroupIngressRule(this, 'from-ingress', {
      ...tcp,
      securityGroupId: this.groupId,
      referencedSecurityGroupId: ingressGroupId,
      description: 'Requests from the ingress',
    });
    new VpcSecurityGroupEgressRule(this, 'ingress-to-service', {
      ...tcp,
      securityGroupId: ingressGroupId,
      referencedSecurityGroupId: this.groupId,
      description: 'Requests to the service',
    });
  }
}

/**
 * The new tasks run beside the old ones until they are healthy, so nothing is out of service. Once the circuit breaker
 * went back to the old revision the service is steady, and Terraform would call that a success: hence the condition
 * (github.com/hashicorp/terraform-provider-aws/issues/20858).
 */
function deployment(definitionArn: string, name: string) {
  return {
    deploymentMinimumHealthyPercent: 100,
    deploymentMaximumPercent: 200,
    deploymentCircuitBreaker: { enable: true, rollback: true },
    waitForSteadyState: true,
    lifecycle: {
      postcondition: [
        {
          condition: Op.eq(TerraformSelf.getString('task_definition'), definitionArn),
          errorMessage: `The new ${name} did not get healthy, and ECS went back to the one before: see its log group and the events of its service.`,
        },
      ],
    },
  };
}

function attachment({ target }: ServiceIngress, { name, port }: FargateServiceSettings): Partial<EcsServiceConfig> {
  const container = { containerName: name, containerPort: port };
  // A registry of SRV records wants the container and its port by name ("ECS service discovery").
  if (target.kind === 'registry') return { serviceRegistries: { registryArn: target.arn, ...container } };
  return {
    loadBalancer: [{ targetGroupArn: target.arn, ...container }],
    healthCheckGracePeriodSeconds: target.healthGraceS,
  };
}

function resourcesOf(construct: Construct): TerraformResource[] {
  return construct.node.findAll().filter(TerraformResource.isTerraformResource);
}

/** Endpoints take minutes to come: the first tasks would fail without them, and the circuit breaker would give up. */
function isWayToAws({ terraformResourceType }: TerraformResource): boolean {
  return ['aws_vpc_endpoint', 'aws_route', 'aws_vpc_security_group_egress_rule'].includes(terraformResourceType);
}
