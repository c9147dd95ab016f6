import { boundaryArn } from '../constructs/stack-context.ts';
import { ACCOUNT_ID } from './applied.ts';
import type { IamRequest } from './iam.ts';
import type { Body } from './synth-construct.ts';

/** A resource of a stack, as the provider meets it. */
export type Thing = { type: string; environment: string; name: string; body: Body };

/** What IAM is asked about one thing. */
export type Ask = (thing: Thing) => IamRequest[];

/** What the provider asks during a resource's life. `read` is all that a plan does. */
export type Row = { create: Ask[]; read: Ask[]; update: Ask[]; delete: Ask[] };
export type Phase = keyof Row;

const REGION = 'us-east-1';

/** Actions of one service, such as `sqs:CreateQueue TagQueue`. */
function asked(actions: string, arn: string, keys: (thing: Thing) => Record<string, string>): Ask {
  const [service = '', rest = ''] = actions.split(':');
  const names = rest.split(' ').filter((name) => name !== '');
  return (thing) =>
    names.map((name) => ({
      action: `${service}:${name}`,
      resource: arnOf(arn, thing),
      keys: { 'aws:RequestedRegion': REGION, 'aws:SecureTransport': 'true', ...keys(thing) },
    }));
}

/** `sqs:{name}` in our account and region; what begins with `arn:` and `*` is taken as it is. */
function arnOf(pattern: string, { name, environment }: Thing): string {
  const filled = pattern.replaceAll('{name}', name).replaceAll('{env}', environment);
  if (filled === '*' || filled.startsWith('arn:')) return filled;
  const [service = '', ...rest] = filled.split(':');
  return `arn:aws:${service}:${REGION}:${ACCOUNT_ID}:${rest.join(':')}`;
}

function tags(kind: 'RequestTag' | 'ResourceTag', { environment }: Thing): Record<string, string> {
  return { [`aws:${kind}/Project`]: 'bpi', [`aws:${kind}/Environment`]: environment };
}

/** Of something that is made with its tags in the same request. */
export const fresh = (actions: string, arn: string, keys: Record<string, string> = {}): Ask =>
  asked(actions, arn, (thing) => ({ ...tags('RequestTag', thing), ...keys }));

/** Of something that has its tags. */
export const known = (actions: string, arn: string, keys: Record<string, string> = {}): Ask =>
  asked(actions, arn, (thing) => ({ ...tags('ResourceTag', thing), ...keys }));

/** Of something without tags, or with tags that AWS does not see yet. */
export const bare = (actions: string, arn: string, keys: Record<string, string> = {}): Ask =>
  asked(actions, arn, () => keys);

/** A thing that EC2 makes in others that are there, tagged in the same request. */
export function ec2Made(action: string, made: string, inside: readonly string[] = []): Ask[] {
  return [
    fresh(`ec2:${action}`, `ec2:${made}`),
    fresh('ec2:CreateTags', `ec2:${made}`, { 'ec2:CreateAction': action }),
    ...inside.map((arn) => known(`ec2:${action}`, `ec2:${arn}`)),
  ];
}

export const passRole = (service: string): Ask =>
  known('iam:PassRole', `arn:aws:iam::${ACCOUNT_ID}:role/bpi/bpi-{env}-some`, { 'iam:PassedToService': service });

export const serviceLinked = (service: string): Ask =>
  bare('iam:CreateServiceLinkedRole', `arn:aws:iam::${ACCOUNT_ID}:role/aws-service-role/${service}/Any`, {
    'iam:AWSServiceName': service,
  });

export const IN_BOUNDARY = { 'iam:PermissionsBoundary': boundaryArn(ACCOUNT_ID) };

/** For what is only read. */
export function reads(...asks: Ask[]): Row {
  return { create: [], read: asks, update: [], delete: [] };
}

/** A row of actions on the thing alone; IAM sees the tags of the request when it is made, and its own later. */
export function simple(arn: string, [create, read, update, remove]: readonly [string, string, string, string]): Row {
  const on = (actions: string) => [known(actions, arn)];
  return { create: [fresh(create, arn)], read: on(read), update: on(update), delete: on(remove) };
}

/** The one row, and more of the same. */
export function and(row: Row, more: Partial<Row>): Row {
  const both = (phase: Phase) => [...row[phase], ...(more[phase] ?? [])];
  return { create: both('create'), read: both('read'), update: both('update'), delete: both('delete') };
}

export function record(type: string): Ask {
  return bare('route53:ChangeResourceRecordSets', 'arn:aws:route53:::hostedzone/Z1', {
    'route53:ChangeResourceRecordSetsRecordTypes': type,
  });
}

/** As `asApplied` has it. */
export const KEY = 'kms:key/11111111-2222-3333-4444-555555555555';
export const GROUP = 'autoscaling:autoScalingGroup:0-0:autoScalingGroupName/{name}';
export const CLOUD_MAP_SERVICE = 'servicediscovery:service/srv-1';
