import { bare, ec2Made, fresh, known, passRole, type Ask, type Row } from './terraform-asks.ts';

/** Rows of VPC and what is in it. EC2 describes without resources. */
export const NETWORK_ROWS: Readonly<Record<string, Row>> = {
  // There with its VPC, so it is tagged afterwards, and its rules go before its tag is there.
  aws_default_security_group: {
    create: [
      fresh('ec2:CreateTags', 'ec2:security-group/sg-0'),
      bare('ec2:RevokeSecurityGroupEgress RevokeSecurityGroupIngress', 'ec2:security-group/sg-0'),
    ],
    read: [bare('ec2:DescribeSecurityGroups', '*')],
    update: [
      known('ec2:CreateTags DeleteTags', 'ec2:security-group/sg-0'),
      known('ec2:RevokeSecurityGroupEgress RevokeSecurityGroupIngress', 'ec2:security-group/sg-0'),
    ],
    delete: [],
  },
  aws_flow_log: part('vpc-flow-log/fl-1', {
    create: [...ec2Made('CreateFlowLogs', 'vpc-flow-log/fl-1', ['vpc/vpc-1']), passRole('vpc-flow-logs.amazonaws.com')],
    read: 'DescribeFlowLogs',
    delete: 'DeleteFlowLogs',
  }),
  aws_internet_gateway: part('internet-gateway/igw-1', {
    create: [
      ...ec2Made('CreateInternetGateway', 'internet-gateway/igw-1'),
      ...both('AttachInternetGateway', ['internet-gateway/igw-1', 'vpc/vpc-1']),
    ],
    read: 'DescribeInternetGateways',
    delete: 'DeleteInternetGateway DetachInternetGateway',
  }),
  aws_launch_template: part('launch-template/lt-1', {
    create: ec2Made('CreateLaunchTemplate', 'launch-template/lt-1'),
    read: 'DescribeLaunchTemplates DescribeLaunchTemplateVersions',
    update: 'CreateLaunchTemplateVersion ModifyLaunchTemplate',
    delete: 'DeleteLaunchTemplate',
  }),
  aws_route: part('route-table/rtb-1', {
    create: [known('ec2:CreateRoute', 'ec2:route-table/rtb-1')],
    read: 'DescribeRouteTables',
    update: 'ReplaceRoute',
    delete: 'DeleteRoute',
  }),
  aws_route_table: part('route-table/rtb-1', {
    create: [
      ...ec2Made('CreateRouteTable', 'route-table/rtb-1', ['vpc/vpc-1']),
      known('ec2:CreateRoute', 'ec2:route-table/rtb-1'), // routes may be arguments
    ],
    read: 'DescribeRouteTables',
    update: 'CreateRoute ReplaceRoute DeleteRoute',
    delete: 'DeleteRouteTable DisassociateRouteTable',
  }),
  aws_route_table_association: part('route-table/rtb-1', {
    create: both('AssociateRouteTable', ['route-table/rtb-1', 'subnet/subnet-1']),
    read: 'DescribeRouteTables',
    update: 'ReplaceRouteTableAssociation',
    delete: 'DisassociateRouteTable',
  }),
  // Its rule for everything out, which AWS adds, is taken away at once.
  aws_security_group: part('security-group/sg-1', {
    create: [
      ...ec2Made('CreateSecurityGroup', 'security-group/sg-1', ['vpc/vpc-1']),
      known('ec2:RevokeSecurityGroupEgress', 'ec2:security-group/sg-1'),
    ],
    read: 'DescribeSecurityGroups',
    delete: 'DeleteSecurityGroup RevokeSecurityGroupEgress RevokeSecurityGroupIngress',
    meets: ['DescribeNetworkInterfaces'],
  }),
  aws_subnet: part('subnet/subnet-1', {
    create: [
      ...ec2Made('CreateSubnet', 'subnet/subnet-1', ['vpc/vpc-1']),
      ...both('ModifySubnetAttribute', ['subnet/subnet-1']),
    ],
    read: 'DescribeSubnets',
    update: 'ModifySubnetAttribute',
    delete: 'DeleteSubnet',
    meets: ['DescribeNetworkInterfaces'],
  }),
  aws_vpc: part('vpc/vpc-1', {
    create: [...ec2Made('CreateVpc', 'vpc/vpc-1'), ...both('ModifyVpcAttribute', ['vpc/vpc-1'])],
    readOf: 'DescribeVpcAttribute',
    read: 'DescribeVpcs DescribeNetworkAcls DescribeRouteTables DescribeSecurityGroups',
    update: 'ModifyVpcAttribute',
    delete: 'DeleteVpc',
  }),
  aws_vpc_endpoint: part('vpc-endpoint/vpce-1', {
    create: [
      ...ec2Made('CreateVpcEndpoint', 'vpc-endpoint/vpce-1', [
        ...['vpc/vpc-1', 'route-table/rtb-1', 'security-group/sg-1', 'subnet/subnet-1'],
      ]),
      bare('route53:AssociateVPCWithHostedZone', '*'), // its private name
    ],
    read: 'DescribeVpcEndpoints DescribePrefixLists',
    update: 'ModifyVpcEndpoint',
    delete: 'DeleteVpcEndpoints',
  }),
  aws_vpc_security_group_egress_rule: rule('Egress'),
  aws_vpc_security_group_ingress_rule: rule('Ingress'),
};

type Part = { create: Ask[]; read: string; readOf?: string; update?: string; delete: string; meets?: string[] };

function part(arn: string, { create, read, readOf = '', update = '', delete: remove, meets = [] }: Part): Row {
  return {
    create,
    read: [bare(`ec2:${read}`, '*'), known(`ec2:${readOf}`, `ec2:${arn}`)],
    update: [known(`ec2:${update} CreateTags DeleteTags`, `ec2:${arn}`)],
    delete: [known(`ec2:${remove}`, `ec2:${arn}`), ...meets.map((action) => bare(`ec2:${action}`, '*'))],
  };
}

function both(action: string, arns: readonly string[]): Ask[] {
  return arns.map((arn) => known(`ec2:${action}`, `ec2:${arn}`));
}

function rule(way: 'Egress' | 'Ingress'): Row {
  const authorize = `AuthorizeSecurityGroup${way}`;
  return {
    create: ec2Made(authorize, 'security-group-rule/sgr-1', ['security-group/sg-1']),
    read: [bare('ec2:DescribeSecurityGroupRules', '*')],
    update: [
      ...both('ModifySecurityGroupRules', ['security-group/sg-1', 'security-group-rule/sgr-1']),
      bare('ec2:ModifySecurityGroupRules', 'arn:aws:ec2:us-east-1:aws:prefix-list/pl-1'), // S3's, which a rule leads to
      known('ec2:CreateTags DeleteTags', 'ec2:security-group-rule/sgr-1'),
    ],
    delete: [known(`ec2:RevokeSecurityGroup${way}`, 'ec2:security-group/sg-1')],
  };
}
