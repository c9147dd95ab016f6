import type { Body, SynthesizedStack } from './synth-construct.ts';

/** As the account of AWS's own examples. */
export const ACCOUNT_ID = '123456789012';
const REGION = 'us-east-1';

/** What AWS would answer for attributes that are no arguments; `name` is the resource's own. */
const ANSWERS: Readonly<Record<string, Readonly<Record<string, (name: string) => string>>>> = {
  aws_autoscaling_group: { arn: (name) => arn('autoscaling', `autoScalingGroup:0-0:autoScalingGroupName/${name}`) },
  aws_cloudwatch_log_group: { arn: (name) => arn('logs', `log-group:${name}`) },
  aws_dynamodb_table: { arn: (name) => arn('dynamodb', `table/${name}`) },
  aws_ecr_repository: { arn: (name) => arn('ecr', `repository/${name}`) },
  aws_ecs_cluster: { arn: (name) => arn('ecs', `cluster/${name}`), id: (name) => arn('ecs', `cluster/${name}`) },
  aws_ecs_task_definition: { arn: (name) => arn('ecs', `task-definition/${name}:7`) },
  aws_iam_role: { arn: (name) => `arn:aws:iam::${ACCOUNT_ID}:role/bpi/${name}` },
  aws_kms_key: { arn: () => arn('kms', 'key/11111111-2222-3333-4444-555555555555') },
  aws_s3_bucket: { arn: (name) => `arn:aws:s3:::${name}`, id: (name) => name },
  aws_sqs_queue: {
    arn: (name) => arn('sqs', name),
    url: (name) => `https://sqs.${REGION}.amazonaws.com/${ACCOUNT_ID}/${name}`,
    id: (name) => `https://sqs.${REGION}.amazonaws.com/${ACCOUNT_ID}/${name}`,
  },
  aws_caller_identity: { account_id: () => ACCOUNT_ID },
};

/** The argument that names a resource, where it is not `name`. */
const NAMED_BY: Readonly<Record<string, string>> = { aws_s3_bucket: 'bucket', aws_ecs_task_definition: 'family' };

const REFERENCE = /\$\{(data\.)?(aws_[a-z0-9_]+)\.([A-Za-z0-9_-]+)\.([a-z_]+)\}/g;

/**
 * A value of the stack as it would read after `apply`: references are replaced by what they refer to, or by what AWS
 * would answer. Whatever is inside JSON text is replaced too.
 * @throws Error for a reference that this table cannot answer, so that no test goes past it.
 */
export function asApplied<T>(stack: SynthesizedStack, value: T): T {
  if (typeof value === 'string') return replaced(stack, value) as T & string; // a text stays a text
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((inner: unknown) => asApplied(stack, inner)) as T & unknown[];
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asApplied(stack, inner)])) as T &
    object;
}

function replaced(stack: SynthesizedStack, text: string): string {
  return text.replaceAll(REFERENCE, (whole, data: string | undefined, type: string, id: string, attribute: string) => {
    const body = (data === undefined ? stack.resource : stack.data)[type]?.[id];
    if (body === undefined) throw new Error(`${whole} refers to nothing.`);
    const given = body[attribute];
    if (typeof given === 'string') return replaced(stack, given);
    const answer = ANSWERS[type]?.[attribute];
    if (answer === undefined) throw new Error(`Nothing is known about ${attribute} of ${type}: add it to ANSWERS.`);
    return answer(nameOf(stack, type, body));
  });
}

function nameOf(stack: SynthesizedStack, type: string, body: Body): string {
  const name = body[NAMED_BY[type] ?? 'name'];
  return typeof name === 'string' ? replaced(stack, name) : '';
}

function arn(service: string, rest: string): string {
  return `arn:aws:${service}:${REGION}:${ACCOUNT_ID}:${rest}`;
}
