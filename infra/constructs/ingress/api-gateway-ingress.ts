import { Apigatewayv2ApiMapping } from '@cdktf/provider-aws/lib/apigatewayv2-api-mapping/index.js';
import { Apigatewayv2Api } from '@cdktf/provider-aws/lib/apigatewayv2-api/index.js';
import { Apigatewayv2DomainName } from '@cdktf/provider-aws/lib/apigatewayv2-domain-name/index.js';
import { Apigatewayv2Integration } from '@cdktf/provider-aws/lib/apigatewayv2-integration/index.js';
import { Apigatewayv2Route } from '@cdktf/provider-aws/lib/apigatewayv2-route/index.js';
import { Apigatewayv2Stage } from '@cdktf/provider-aws/lib/apigatewayv2-stage/index.js';
import { Apigatewayv2VpcLink } from '@cdktf/provider-aws/lib/apigatewayv2-vpc-link/index.js';
import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group/index.js';
import { REQUEST_HEADERS, RESPONSE_HEADERS } from '@bpi/job-contract';
import { Construct } from 'constructs';
import { Domain, type DomainSettings } from './domain.ts';
import type { ServiceIngress } from '../services/fargate-service.ts';
import { ServiceRegistry } from './service-registry.ts';
import type { StackContext } from '../stack-context.ts';

export type ApiGatewayIngressSettings = {
  network: { vpcId: string; subnetIds: string[] };
  requestsPerS: number;
  requestsBurst: number;
  /** Origins of browsers that may call it; none = no browser may. */
  corsOrigins: readonly string[];
  domain: DomainSettings | null;
  accessLogGroupArn: string;
};

/**
 * AWS's limits, which no setting moves ("Quotas for configuring and running an HTTP API"): 10 MB for a request with all
 * its parts, and 30 s for an answer.
 */
const REQUEST_BYTES_MAX = 10_000_000;
const ANSWER_MS_MAX = 30_000;
/** What a multipart body has beside the file (apps/api/src/upload/upload-head.ts). */
const MULTIPART_OVERHEAD_BYTES_MAX = 64 * 1024;

const PREFLIGHT_KEPT_S = 600;

/**
 * A public HTTPS address for a backend that is elsewhere. A link leads into the VPC, where API Gateway finds the tasks in
 * Cloud Map's registry, so there is no load balancer to pay for. Whoever has no key is turned away by the API itself.
 */
export class ApiGatewayIngress extends Construct {
  readonly url: string;
  /** For the service behind it. */
  readonly ingress: ServiceIngress;
  /**
   * ECS takes a task out of the registry as it stops it, and API Gateway may still send to an address that it looked up
   * before (github.com/sst/sst/issues/5915).
   */
  readonly listenAfterStopMs: number = 20_000;
  /** What the API may tell its clients to send. */
  readonly uploadBytesMax: number = REQUEST_BYTES_MAX - MULTIPART_OVERHEAD_BYTES_MAX;

  constructor(scope: Construct, id: string, context: StackContext, settings: ApiGatewayIngressSettings) {
    super(scope, id);
    const { network, domain } = settings;
    const group = new SecurityGroup(this, 'group', {
      name: context.name('api-link'),
      description: 'The link from API Gateway to the API',
      vpcId: network.vpcId,
    });
    const registry = new ServiceRegistry(this, 'registry', context, { vpcId: network.vpcId, service: 'api' });
    this.ingress = { groupId: group.id, target: { kind: 'registry', arn: registry.arn } };

    const api = new Apigatewayv2Api(this, 'api', {
      name: context.name('api'),
      protocolType: 'HTTP',
      // With a name of our own there is one way in.
      disableExecuteApiEndpoint: domain !== null,
      ...cors(settings.corsOrigins),
    });
    this.#routeAll(context, api.id, { subnetIds: network.subnetIds, groupId: group.id, registryArn: registry.arn });
    const stage = this.#publish(api.id, settings);
    if (domain !== null) this.#putUnder(new Domain(this, 'domain', domain), api.id, stage);
    this.url = domain === null ? api.apiEndpoint : `https://${domain.name}`;
  }

  #routeAll(context: StackContext, apiId: string, to: { subnetIds: string[]; groupId: string; registryArn: string }) {
    const link = new Apigatewayv2VpcLink(this, 'link', {
      name: context.name('api'),
      subnetIds: to.subnetIds,
      securityGroupIds: [to.groupId],
    });
    const integration = new Apigatewayv2Integration(this, 'integration', {
      apiId,
      integrationType: 'HTTP_PROXY',
      integrationMethod: 'ANY',
      // Of the registry's service: so API Gateway finds the tasks and their port.
      integrationUri: to.registryArn,
      connectionType: 'VPC_LINK',
      connectionId: link.id,
      payloadFormatVersion: '1.0',
      timeoutMilliseconds: ANSWER_MS_MAX,
    });
    new Apigatewayv2Route(this, 'route', {
      apiId,
      routeKey: '$default',
      target: `integrations/${integration.id}`,
      authorizationType: 'NONE',
    });
  }

  /** The stage without a name: any other would be a part of every path. */
  #publish(apiId: string, settings: ApiGatewayIngressSettings): string {
    return new Apigatewayv2Stage(this, 'stage', {
      apiId,
      name: '$default',
      autoDeploy: true,
      defaultRouteSettings: {
        throttlingRateLimit: settings.requestsPerS,
        throttlingBurstLimit: settings.requestsBurst,
      },
      accessLogSettings: { destinationArn: settings.accessLogGroupArn, format: JSON.stringify(ACCESS_LOG) },
    }).id;
  }

  #putUnder(domain: Domain, apiId: string, stage: string): void {
    const name = new Apigatewayv2DomainName(this, 'name', {
      domainName: domain.name,
      domainNameConfiguration: {
        certificateArn: domain.certificateArn,
        endpointType: 'REGIONAL',
        securityPolicy: 'TLS_1_2',
      },
    });
    new Apigatewayv2ApiMapping(this, 'mapping', { apiId, domainName: name.id, stage });
    domain.leadTo({
      dnsName: name.domainNameConfiguration.targetDomainName,
      zoneId: name.domainNameConfiguration.hostedZoneId,
    });
  }
}

/**
 * What API Gateway saw of a request that the API may never have seen. Nothing in it was written by the client: no path
 * and no method (any word can be sent as one), no header, no address.
 */
const ACCESS_LOG = {
  event: 'ingress.request',
  requestId: '$context.requestId',
  atMs: '$context.requestTimeEpoch',
  status: '$context.status',
  durationMs: '$context.responseLatency',
  responseBytes: '$context.responseLength',
  integrationStatus: '$context.integrationStatus',
  integrationMs: '$context.integrationLatency',
  error: '$context.error.responseType',
};

/** As API Gateway keeps them. */
const lowerCase = (name: string) => name.toLowerCase();

/** The headers that the API reads and those that it answers with; keys are headers too, so no cookies. */
function cors(origins: readonly string[]) {
  if (origins.length === 0) return {};
  return {
    corsConfiguration: {
      allowOrigins: [...origins],
      allowMethods: ['DELETE', 'GET', 'HEAD', 'POST'],
      allowHeaders: ['Accept', 'Authorization', 'Content-Type', ...Object.keys(REQUEST_HEADERS)].map(lowerCase),
      exposeHeaders: Object.keys(RESPONSE_HEADERS).map(lowerCase),
      allowCredentials: false,
      maxAge: PREFLIGHT_KEPT_S,
    },
  };
}
