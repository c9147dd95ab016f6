import { ServiceDiscoveryPrivateDnsNamespace } from '@cdktf/provider-aws/lib/service-discovery-private-dns-namespace/index.js';
import { ServiceDiscoveryService } from '@cdktf/provider-aws/lib/service-discovery-service/index.js';
import { Construct } from 'constructs';
import type { StackContext } from '../stack-context.ts';

export type ServiceRegistrySettings = { vpcId: string; service: string };

/** Tasks that are replaced at a deployment are forgotten so soon. */
const RECORD_TTL_S = 10;

/**
 * Where ECS notes the address and port of each healthy task of a service, and API Gateway looks them up. SRV records:
 * they have the port, without which API Gateway cannot use them ("Create private integrations for HTTP APIs").
 */
export class ServiceRegistry extends Construct {
  /** Of the service in Cloud Map. */
  readonly arn: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: ServiceRegistrySettings) {
    super(scope, id);
    const namespace = new ServiceDiscoveryPrivateDnsNamespace(this, 'namespace', {
      name: `${context.name('services')}.internal`,
      description: 'Tasks by service',
      vpc: settings.vpcId,
    });
    const service = new ServiceDiscoveryService(this, 'service', {
      name: settings.service,
      dnsConfig: {
        namespaceId: namespace.id,
        routingPolicy: 'MULTIVALUE',
        dnsRecords: [{ type: 'SRV', ttl: RECORD_TTL_S }],
      },
      // ECS says who is healthy, by the container's own check.
      healthCheckCustomConfig: { failureThreshold: 1 },
      // What ECS did not take out would keep the environment from being removed.
      forceDestroy: true,
    });
    this.arn = service.arn;
  }
}
