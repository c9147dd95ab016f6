import type { Skip } from './policy-findings.ts';

/** Every rule of checkov that a stack breaks, with the resources that do and the reason. Nothing else is allowed to. */
export const SKIPS: readonly Skip[] = [
  {
    check: 'CKV2_AWS_11',
    resources: /dev:aws_vpc\..*/,
    reason: 'Flow logs are a setting, on in prod. Dev holds no patients’ data and pays by the gigabyte.',
  },
  ...['CKV2_AWS_40', 'CKV_AWS_289', 'CKV_AWS_290', 'CKV_AWS_355'].map((check) => ({
    check,
    resources: /bootstrap:aws_iam_policy\.boundary_.*/,
    reason:
      'A permissions boundary grants nothing. Its iam:* ends at our path, and its denials at the boundary itself.',
  })),
  {
    check: 'CKV_AWS_290',
    resources: /bootstrap:aws_iam_policy\.terraform_edge_.*/,
    reason:
      'Zones, log delivery and tags of Cloud Map: AWS checks no name and no tag there, so these reach the whole account. ' +
      'Networks, keys, certificates and namespaces are held by their tags.',
  },
  {
    check: 'CKV_AWS_355',
    resources: /bootstrap:aws_iam_policy\.(terraform_(edge|reads)|terraform-plan_reads)_.*/,
    reason: 'Reads that take no resource, and resources without names; each statement says why beside it.',
  },
  {
    check: 'CKV2_AWS_62',
    resources: /(bootstrap|dev|prod):aws_s3_bucket\..*/,
    reason: 'Nothing waits for events of objects: the record of a job says what is there.',
  },
  {
    check: 'CKV_AWS_144',
    resources: /(bootstrap|dev|prod):aws_s3_bucket\..*/,
    reason:
      'No copy in another region: patients’ data stays where it was sent, and weights and results can be made again.',
  },
  {
    check: 'CKV_AWS_145',
    resources:
      /(bootstrap:aws_s3_bucket\.(state|weights)_.*|dev:aws_s3_bucket\..*|prod:aws_s3_bucket\..*access-logs.*)/,
    reason: 'Encrypted with S3’s own keys: no patients’ data, or (dev) the setting `aws-keys`. S3 writes logs only so.',
  },
  {
    check: 'CKV_AWS_18',
    resources: /bootstrap:aws_s3_bucket\.(state|weights)_.*/,
    reason: 'Versions show what changed in them; who read them is CloudTrail’s to say, which is the account’s.',
  },
  {
    check: 'CKV_AWS_21',
    resources: /(dev:aws_s3_bucket\..*|prod:aws_s3_bucket\..*access-logs.*)/,
    reason: 'Versions are a setting, on for prod’s jobs. Logs are written once.',
  },
  {
    check: 'CKV_AWS_136',
    resources: /bootstrap:aws_ecr_repository\..*/,
    reason: 'Images hold code and no data; ECR’s own encryption is on, and a key would cost and could be lost.',
  },
  {
    check: 'CKV_AWS_119',
    resources: /dev:aws_dynamodb_table\..*/,
    reason: 'Own keys are a setting, on in prod; dev’s table is encrypted with AWS’s.',
  },
  {
    check: 'CKV_AWS_28',
    resources: /dev:aws_dynamodb_table\..*/,
    reason: 'Point-in-time recovery is a setting, on in prod; dev’s jobs are not worth a backup.',
  },
  {
    check: 'CKV_AWS_158',
    resources: /dev:aws_cloudwatch_log_group\..*/,
    reason: 'Own keys are a setting, on in prod; CloudWatch encrypts dev’s logs with its own.',
  },
  {
    check: 'CKV_AWS_338',
    resources: /dev:aws_cloudwatch_log_group\..*/,
    reason: 'Retention is a setting: a year in prod, a week in dev.',
  },
  {
    check: 'CKV_AWS_26',
    resources: /dev:aws_sns_topic\..*/,
    reason: 'An alarm names a metric and a threshold; AWS’s own key for SNS would shut CloudWatch out.',
  },
  {
    check: 'CKV_AWS_65',
    resources: /dev:aws_ecs_cluster\..*/,
    reason: 'Container Insights is a setting, on in prod, where its price is worth it.',
  },
  {
    check: 'CKV_AWS_309',
    resources: /dev:aws_apigatewayv2_route\..*/,
    reason: 'The API itself asks every request for its key, and answers health checks without one.',
  },
  {
    check: 'CKV_AWS_332',
    resources: /(dev|prod):aws_ecs_service\..*/,
    reason: 'A platform version that is named does not change under a deployment; it is the newest.',
  },
  {
    check: 'CKV_AWS_91',
    resources: /prod:aws_lb\..*/,
    reason: 'The API logs each request without anything that a client wrote; a balancer’s log would hold whole paths.',
  },
];
