import { allow, policyDocument, type Statement } from '../policy.ts';

/** Free; a route in the route table leads to them. */
export const GATEWAY_ENDPOINTS = ['s3', 'dynamodb'] as const;

/**
 * Each costs by the hour and zone. The three of ECS are what a machine joins and obeys through ("Amazon ECS interface
 * VPC endpoints"); the worker starts tasks through `ecs` and ends machines through `autoscaling`.
 */
export const INTERFACE_ENDPOINTS = [
  'ecr.api',
  'ecr.dkr',
  'logs',
  'sqs',
  'sts',
  'ecs',
  'ecs-agent',
  'ecs-telemetry',
  'autoscaling',
] as const;

export type GatewayService = (typeof GATEWAY_ENDPOINTS)[number];
export type EndpointService = GatewayService | (typeof INTERFACE_ENDPOINTS)[number];

/**
 * Both refuse every policy but full access (github.com/awsdocs/amazon-ecs-developer-guide issue 55), so they get none.
 * What goes through them is the agent's own session, and the machine's role binds that to our cluster.
 */
const WITHOUT_POLICY: readonly EndpointService[] = ['ecs-agent', 'ecs-telemetry'];

/**
 * Through an endpoint only this account's roles reach only this account's resources: whoever brings other keys into the
 * network can carry nothing out with them. Null = the service takes no policy.
 */
export function endpointPolicy(
  service: EndpointService,
  { accountId, region }: { accountId: string; region: string },
): string | null {
  if (WITHOUT_POLICY.includes(service)) return null;
  const own = allow({
    sid: 'OurRolesOnOurResources',
    principal: '*',
    actions: [`${service.split('.')[0]}:*`],
    resources: ['*'],
    condition: {
      StringEquals: { 'aws:PrincipalAccount': accountId },
      // Some actions have no resource, such as ecr:GetAuthorizationToken.
      StringEqualsIfExists: { 'aws:ResourceAccount': accountId },
    },
    wildcardBecause: 'it narrows what the callers’ own policies give, and both sides are bound to this account',
  });
  return policyDocument(service === 's3' ? [own, imageLayers(region)] : [own]);
}

/** ECR hands out the layers of an image by signed URLs of a bucket of its own ("Amazon ECR interface VPC endpoints"). */
function imageLayers(region: string): Statement {
  return allow({
    sid: 'ImageLayers',
    principal: '*',
    actions: ['s3:GetObject'],
    resources: [`arn:aws:s3:::prod-${region}-starport-layer-bucket/*`],
  });
}
