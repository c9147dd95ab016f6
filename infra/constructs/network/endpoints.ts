import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group/index.js';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint/index.js';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule/index.js';
import { Construct } from 'constructs';
import { endpointPolicy, INTERFACE_ENDPOINTS, type EndpointService, type GatewayService } from './endpoint-policy.ts';
import type { StackContext } from '../stack-context.ts';

export type GatewayEndpointsSettings = { vpcId: string; routeTableId: string };

/** S3 and DynamoDB, without leaving AWS's network and without a price. */
export class GatewayEndpoints extends Construct {
  /** The services' address ranges, for rules that let something out to them. */
  readonly prefixListIds: Readonly<Record<GatewayService, string>>;

  constructor(scope: Construct, id: string, context: StackContext, settings: GatewayEndpointsSettings) {
    super(scope, id);
    const prefixListOf = (service: GatewayService) =>
      new VpcEndpoint(this, service, {
        ...commonTo(context, settings.vpcId, service),
        vpcEndpointType: 'Gateway',
        routeTableIds: [settings.routeTableId],
      }).prefixListId;
    this.prefixListIds = { s3: prefixListOf('s3'), dynamodb: prefixListOf('dynamodb') };
  }
}

export type InterfaceEndpointsSettings = { vpcId: string; cidr: string; subnetIds: readonly string[] };

/** Every other service that is called from inside, as addresses in the VPC's own subnets. */
export class InterfaceEndpoints extends Construct {
  /** The security group that all of them are in. */
  readonly groupId: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: InterfaceEndpointsSettings) {
    super(scope, id);
    const group = new SecurityGroup(this, 'group', {
      name: context.name('endpoints'),
      description: 'AWS services, for everything in the VPC',
      vpcId: settings.vpcId,
      tags: { Name: context.name('endpoints') },
    });
    new VpcSecurityGroupIngressRule(this, 'from-vpc', {
      securityGroupId: group.id,
      description: 'TLS from inside the VPC',
      cidrIpv4: settings.cidr,
      ipProtocol: 'tcp',
      fromPort: 443,
      toPort: 443,
    });
    for (const service of INTERFACE_ENDPOINTS) {
      new VpcEndpoint(this, service.replace('.', '-'), {
        ...commonTo(context, settings.vpcId, service),
        vpcEndpointType: 'Interface',
        subnetIds: [...settings.subnetIds],
        securityGroupIds: [group.id],
        privateDnsEnabled: true,
      });
    }
    this.groupId = group.id;
  }
}

function commonTo(context: StackContext, vpcId: string, service: EndpointService) {
  const policy = endpointPolicy(service, context);
  return {
    vpcId,
    serviceName: `com.amazonaws.${context.region}.${service}`,
    ...(policy === null ? {} : { policy }),
    tags: { Name: context.name(service) },
  };
}
