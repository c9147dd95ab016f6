import {
  and,
  bare,
  CLOUD_MAP_SERVICE,
  fresh,
  known,
  reads,
  record,
  serviceLinked,
  simple,
  type Row,
} from './terraform-asks.ts';

/** Rows of what the world meets: APIs, balancers, certificates, names. */
export const EDGE_ROWS: Readonly<Record<string, Row>> = { ...apis(), ...balancer(), ...names() };

/** API Gateway's actions are verbs on paths. Source: "Actions, resources, and condition keys for API Gateway Management V2". */
function apis(): Record<string, Row> {
  const path = (kind: string) => `arn:aws:apigateway:us-east-1::/${kind}`;
  const part = (parent: string, child: string): Row => ({
    create: [fresh('apigateway:POST', path(parent))],
    read: [known('apigateway:GET', path(child))],
    update: [known('apigateway:PATCH', path(child))],
    delete: [known('apigateway:DELETE', path(child))],
  });
  const tagged = (parent: string, child: string): Row =>
    and(part(parent, child), {
      create: [fresh('apigateway:POST', path('tags/an-arn'))],
      update: [known('apigateway:POST DELETE', path('tags/an-arn'))],
    });
  return {
    aws_apigatewayv2_api: and(tagged('apis', 'apis/a1'), {
      update: [known('apigateway:DELETE', path('apis/a1/cors'))],
    }),
    aws_apigatewayv2_api_mapping: part('domainnames/{name}/apimappings', 'domainnames/{name}/apimappings/m1'),
    aws_apigatewayv2_domain_name: and(tagged('domainnames', 'domainnames/{name}'), {
      create: [known('acm:DescribeCertificate', 'acm:certificate/c1')],
    }),
    aws_apigatewayv2_integration: part('apis/a1/integrations', 'apis/a1/integrations/i1'),
    aws_apigatewayv2_route: part('apis/a1/routes', 'apis/a1/routes/r1'),
    aws_apigatewayv2_stage: tagged('apis/a1/stages', 'apis/a1/stages/$default'),
    aws_apigatewayv2_vpc_link: and(tagged('vpclinks', 'vpclinks/v1'), {
      create: [serviceLinked('ops.apigateway.amazonaws.com')],
    }),
  };
}

function balancer(): Record<string, Row> {
  const row = (what: string, arn: string, update: string): Row =>
    and(
      simple(`elasticloadbalancing:${arn}`, [
        `elasticloadbalancing:Create${what} AddTags`,
        '',
        `elasticloadbalancing:${update} AddTags RemoveTags`,
        `elasticloadbalancing:Delete${what}`,
      ]),
      { read: [bare(`elasticloadbalancing:Describe${what}s Describe${what}Attributes DescribeTags`, '*')] },
    );
  const listener = row('Listener', 'listener/app/bpi-{env}-api/1/2', 'ModifyListener ModifyListenerAttributes');
  const attributes = 'ModifyLoadBalancerAttributes SetSecurityGroups SetSubnets';
  return {
    aws_lb: and(row('LoadBalancer', 'loadbalancer/app/{name}/1', attributes), {
      create: [
        serviceLinked('elasticloadbalancing.amazonaws.com'),
        known('elasticloadbalancing:ModifyLoadBalancerAttributes', 'elasticloadbalancing:loadbalancer/app/{name}/1'),
      ],
      read: [bare('elasticloadbalancing:DescribeCapacityReservation', '*')],
      delete: [bare('ec2:DescribeNetworkInterfaces', '*')],
    }),
    aws_lb_listener: {
      ...listener,
      create: [
        fresh('elasticloadbalancing:CreateListener', 'elasticloadbalancing:loadbalancer/app/bpi-{env}-api/1'),
        fresh('elasticloadbalancing:AddTags', 'elasticloadbalancing:listener/app/bpi-{env}-api/1/2'),
      ],
    },
    aws_lb_target_group: row('TargetGroup', 'targetgroup/{name}/1', 'ModifyTargetGroup ModifyTargetGroupAttributes'),
  };
}

function names(): Record<string, Row> {
  const certificate = 'acm:certificate/c1';
  const zone = 'arn:aws:route53:::hostedzone/Z1';
  const found = bare('acm:DescribeCertificate ListTagsForCertificate', certificate);
  const changed = ['A', 'CNAME'].map(record);
  return {
    aws_acm_certificate: {
      create: [fresh('acm:RequestCertificate', '*'), fresh('acm:AddTagsToCertificate', certificate)],
      read: [found],
      update: [known('acm:AddTagsToCertificate RemoveTagsFromCertificate', certificate)],
      delete: [known('acm:DeleteCertificate', certificate)],
    },
    aws_acm_certificate_validation: reads(found),
    aws_route53_record: {
      create: changed,
      read: [
        bare('route53:GetHostedZone ListResourceRecordSets', zone),
        bare('route53:GetChange', 'arn:aws:route53:::change/C1'),
      ],
      update: changed,
      delete: changed,
    },
    // Cloud Map makes and removes the zone in the caller's name. Source: AWSCloudMapFullAccess.
    aws_service_discovery_private_dns_namespace: {
      create: [
        fresh('servicediscovery:CreatePrivateDnsNamespace TagResource', '*'),
        bare('route53:CreateHostedZone ListHostedZonesByName', '*'),
        bare('ec2:DescribeVpcs DescribeRegions', '*'),
      ],
      read: [
        known('servicediscovery:GetNamespace GetOperation', 'servicediscovery:namespace/ns-1'),
        bare('servicediscovery:ListTagsForResource', '*'),
      ],
      update: [
        known('servicediscovery:UpdatePrivateDnsNamespace', 'servicediscovery:namespace/ns-1'),
        bare('servicediscovery:UntagResource', '*'),
      ],
      delete: [
        known('servicediscovery:DeleteNamespace', 'servicediscovery:namespace/ns-1'),
        bare('route53:DeleteHostedZone', zone),
      ],
    },
    aws_service_discovery_service: {
      create: [
        fresh('servicediscovery:CreateService', 'servicediscovery:namespace/ns-1'),
        fresh('servicediscovery:CreateService', CLOUD_MAP_SERVICE),
        fresh('servicediscovery:TagResource', '*'),
        bare('route53:GetHostedZone', zone),
      ],
      read: [
        known('servicediscovery:GetService', CLOUD_MAP_SERVICE),
        bare('servicediscovery:ListTagsForResource', '*'),
      ],
      update: [known('servicediscovery:UpdateService', CLOUD_MAP_SERVICE), record('SRV')],
      delete: [known('servicediscovery:DeleteService', CLOUD_MAP_SERVICE)],
    },
  };
}
