import { DefaultSecurityGroup } from '@cdktf/provider-aws/lib/default-security-group/index.js';
import { InternetGateway } from '@cdktf/provider-aws/lib/internet-gateway/index.js';
import { Route } from '@cdktf/provider-aws/lib/route/index.js';
import { RouteTableAssociation } from '@cdktf/provider-aws/lib/route-table-association/index.js';
import { RouteTable } from '@cdktf/provider-aws/lib/route-table/index.js';
import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group/index.js';
import { Subnet } from '@cdktf/provider-aws/lib/subnet/index.js';
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule/index.js';
import { Vpc } from '@cdktf/provider-aws/lib/vpc/index.js';
import { Construct } from 'constructs';
import { GatewayEndpoints, InterfaceEndpoints } from './endpoints.ts';
import { FlowLogs } from './flow-logs.ts';
import type { StackContext } from '../stack-context.ts';

export type NetworkSettings = {
  /** `endpoints`: nothing in it reaches the internet. `public`: everything in it can, and nothing is reached from it. */
  mode: 'endpoints' | 'public';
  /** A /16. */
  cidr: string;
  /** Each gets a subnet of 4,096 addresses. */
  zoneIds: readonly string[];
  flowLogs: boolean;
};

const TLS = { ipProtocol: 'tcp', fromPort: 443, toPort: 443 } as const;
const ANYWHERE = '0.0.0.0/0';
/** Third byte of the subnets' ranges: /20 each, so that sixteen fit. */
const SUBNET_STEP = 16;

/** One VPC without a NAT gateway: either AWS's services have addresses inside it, or whoever needs them has one outside. */
export class Network extends Construct {
  readonly vpcId: string;
  readonly cidr: string;
  readonly subnetIds: string[];
  /** Of all its subnets. */
  readonly routeTableId: string;
  /** Whether machines and tasks need a public address to reach AWS; no subnet hands one out unasked. */
  readonly publicAddresses: boolean;
  readonly #context: StackContext;
  readonly #destinations: readonly Destination[];

  constructor(scope: Construct, id: string, context: StackContext, settings: NetworkSettings) {
    super(scope, id);
    const tags = { Name: context.name('network') };
    const { cidr } = settings;
    const vpc = new Vpc(this, 'vpc', { cidrBlock: cidr, enableDnsSupport: true, enableDnsHostnames: true, tags });
    // AWS's own would let its members talk to each other; nobody is meant to be in it.
    new DefaultSecurityGroup(this, 'default-group', { vpcId: vpc.id, tags });
    if (settings.flowLogs) new FlowLogs(this, 'flow-logs', context, { vpcId: vpc.id });

    const table = new RouteTable(this, 'routes', { vpcId: vpc.id, tags });
    const subnetIds = settings.zoneIds.map((zone, index) => this.#subnet({ vpc, cidr, table, zone, index, context }));
    const gateways = new GatewayEndpoints(this, 'gateways', context, { vpcId: vpc.id, routeTableId: table.id });

    this.#context = context;
    this.vpcId = vpc.id;
    this.cidr = cidr;
    this.subnetIds = subnetIds;
    this.routeTableId = table.id;
    this.publicAddresses = settings.mode === 'public';
    if (settings.mode === 'public') {
      const internet = new InternetGateway(this, 'internet', { vpcId: vpc.id, tags });
      new Route(this, 'to-internet', {
        routeTableId: table.id,
        destinationCidrBlock: ANYWHERE,
        gatewayId: internet.id,
      });
      this.#destinations = [{ id: 'anywhere', description: 'TLS to AWS', cidrIpv4: ANYWHERE }];
    } else {
      const endpoints = new InterfaceEndpoints(this, 'endpoints', context, { vpcId: vpc.id, cidr, subnetIds });
      const { s3, dynamodb } = gateways.prefixListIds;
      this.#destinations = [
        { id: 'endpoints', description: 'TLS to AWS', referencedSecurityGroupId: endpoints.groupId },
        { id: 's3', description: 'TLS to S3', prefixListId: s3 },
        { id: 'dynamodb', description: 'TLS to DynamoDB', prefixListId: dynamodb },
      ];
    }
  }

  /** Id of a new security group whose members reach AWS's services and nothing else, and whom nobody reaches. */
  clientGroup(id: string, { name, description }: { name: string; description: string }): string {
    const scope = new Construct(this, id);
    const fullName = this.#context.name(name);
    const group = new SecurityGroup(scope, 'group', {
      name: fullName,
      description,
      vpcId: this.vpcId,
      tags: { Name: fullName },
    });
    for (const { id: destination, ...rule } of this.#destinations) {
      new VpcSecurityGroupEgressRule(scope, `to-${destination}`, { securityGroupId: group.id, ...TLS, ...rule });
    }
    return group.id;
  }

  #subnet({ vpc, cidr, table, zone, index, context }: SubnetSettings): string {
    const scope = new Construct(this, zone);
    const subnet = new Subnet(scope, 'subnet', {
      vpcId: vpc.id,
      availabilityZoneId: zone,
      cidrBlock: subnetRange(cidr, index),
      mapPublicIpOnLaunch: false,
      tags: { Name: context.name(zone) },
    });
    new RouteTableAssociation(scope, 'routes', { subnetId: subnet.id, routeTableId: table.id });
    return subnet.id;
  }
}

type Destination = { id: string; description: string } & (
  { cidrIpv4: string } | { prefixListId: string } | { referencedSecurityGroupId: string }
);

type SubnetSettings = { vpc: Vpc; cidr: string; table: RouteTable; zone: string; index: number; context: StackContext };

/** `10.20.0.0/16`, 1 → `10.20.16.0/20`. */
function subnetRange(cidr: string, index: number): string {
  const [first, second] = cidr.split('.');
  return `${first}.${second}.${index * SUBNET_STEP}.0/20`;
}
