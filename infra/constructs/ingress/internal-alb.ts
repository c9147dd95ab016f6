import { LbListener } from '@cdktf/provider-aws/lib/lb-listener/index.js';
import { LbTargetGroup } from '@cdktf/provider-aws/lib/lb-target-group/index.js';
import { Lb } from '@cdktf/provider-aws/lib/lb/index.js';
import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group/index.js';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule/index.js';
import { Construct } from 'constructs';
import { Domain, type DomainSettings } from './domain.ts';
import type { ServiceIngress } from '../services/fargate-service.ts';
import type { StackContext } from '../stack-context.ts';

export type InternalAlbSettings = {
  network: { vpcId: string; subnetIds: string[] };
  /** Address ranges of the callers. */
  clientCidrs: readonly string[];
  domain: DomainSettings;
  deletionProtection: boolean;
  /** Of the service behind it. */
  port: number;
};

const HTTP_PORT = 80;
const HTTPS_PORT = 443;
/** TLS 1.2 and 1.3 with ciphers that keep past traffic secret ("Security policies for your Application Load Balancer"). */
const TLS_POLICY = 'ELBSecurityPolicy-TLS13-1-2-2021-06';

/** Shorter than the API keeps an idle connection (75 s): else the balancer would meet one that was just closed. */
export const IDLE_TIMEOUT_S = 60;

/**
 * ECS waits so long for requests under way before it sends SIGTERM, after which the API has its own time for them: an
 * upload of 1 GiB at 10 MB/s is through.
 */
export const DEREGISTRATION_DELAY_S = 120;

/**
 * ECS replaces a task that is not ready for this long. Readiness asks DynamoDB, SQS and S3 with a limit of 2 s, and a new
 * task helps little while one of them is down, so there is much patience: the container's own check finds a process that
 * hangs.
 */
const READINESS = { interval: 15, timeout: 5, healthyThreshold: 2, unhealthyThreshold: 10 };
const HEALTH_GRACE_S = 90;

/**
 * A load balancer with private addresses, for a backend in this VPC or connected with it; no limit of size. It keeps no
 * access log: those quote paths and addresses, and the API logs every request itself, without either.
 */
export class InternalAlb extends Construct {
  readonly url: string;
  /** For the service behind it. */
  readonly ingress: ServiceIngress;
  /** It sends nothing to a task that is about to be stopped. */
  readonly listenAfterStopMs: number = 0;
  /** A load balancer has no limit of its own. */
  readonly uploadBytesMax: number | null = null;

  constructor(scope: Construct, id: string, context: StackContext, settings: InternalAlbSettings) {
    super(scope, id);
    const groupId = this.#admitClients(context, settings);
    const balancer = new Lb(this, 'balancer', {
      name: context.name('api'),
      internal: true,
      loadBalancerType: 'application',
      subnets: settings.network.subnetIds,
      securityGroups: [groupId],
      idleTimeout: IDLE_TIMEOUT_S,
      dropInvalidHeaderFields: true,
      enableDeletionProtection: settings.deletionProtection,
    });
    const targets = this.#targets(context, settings);
    const domain = new Domain(this, 'domain', settings.domain);
    const listener = this.#listen(balancer.arn, domain.certificateArn, targets.arn);
    domain.leadTo({ dnsName: balancer.dnsName, zoneId: balancer.zoneId });
    this.url = `https://${domain.name}`;
    this.ingress = {
      groupId,
      target: { kind: 'target-group', arn: targets.arn, listeners: [listener], healthGraceS: HEALTH_GRACE_S },
    };
  }

  #admitClients(context: StackContext, { network, clientCidrs }: InternalAlbSettings): string {
    const group = new SecurityGroup(this, 'group', {
      name: context.name('api-balancer'),
      description: 'The load balancer of the API',
      vpcId: network.vpcId,
    });
    for (const cidr of clientCidrs) {
      for (const port of [HTTPS_PORT, HTTP_PORT]) {
        new VpcSecurityGroupIngressRule(this, `from-${cidr.replaceAll(/\W/g, '-')}-${port}`, {
          securityGroupId: group.id,
          cidrIpv4: cidr,
          ipProtocol: 'tcp',
          fromPort: port,
          toPort: port,
          description: port === HTTPS_PORT ? 'Clients' : 'Clients, who are sent on to HTTPS',
        });
      }
    }
    return group.id;
  }

  #targets(context: StackContext, { network, port }: InternalAlbSettings): LbTargetGroup {
    return new LbTargetGroup(this, 'targets', {
      name: context.name('api'),
      targetType: 'ip',
      protocol: 'HTTP',
      port,
      vpcId: network.vpcId,
      deregistrationDelay: String(DEREGISTRATION_DELAY_S),
      healthCheck: { enabled: true, path: '/health/ready', protocol: 'HTTP', matcher: '200', ...READINESS },
    });
  }

  #listen(loadBalancerArn: string, certificateArn: string, targetGroupArn: string): LbListener {
    new LbListener(this, 'http', {
      loadBalancerArn,
      port: HTTP_PORT,
      protocol: 'HTTP',
      defaultAction: [
        { type: 'redirect', redirect: { protocol: 'HTTPS', port: String(HTTPS_PORT), statusCode: 'HTTP_301' } },
      ],
    });
    return new LbListener(this, 'https', {
      loadBalancerArn,
      port: HTTPS_PORT,
      protocol: 'HTTPS',
      sslPolicy: TLS_POLICY,
      certificateArn,
      defaultAction: [{ type: 'forward', targetGroupArn }],
    });
  }
}
