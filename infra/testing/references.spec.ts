import { describe, expect, it } from '@jest/globals';
import { addressesOf, cycleIn, referencesOf } from './references.ts';
import type { SynthesizedStack } from './synth-construct.ts';

function stackOf(resource: SynthesizedStack['resource']): SynthesizedStack {
  return { resource, data: { aws_caller_identity: { me: {} } }, output: {}, variable: { email: {} }, terraform: {} };
}

describe('the references of a stack', () => {
  it('are found in expressions, in JSON text and in depends_on', () => {
    const stack = stackOf({
      aws_sqs_queue: { jobs: { name: 'bpi-${data.aws_caller_identity.me.account_id}' } },
      aws_iam_role_policy: {
        send: {
          policy: '{"Resource":"${aws_sqs_queue.jobs.arn}"}',
          depends_on: ['aws_iam_role.gone'],
          to: '${var.email}',
        },
      },
    });
    const references = referencesOf(stack);
    expect([...(references.get('aws_sqs_queue.jobs') ?? [])]).toEqual(['data.aws_caller_identity.me']);
    const send = [...(references.get('aws_iam_role_policy.send') ?? [])];
    expect(send.sort()).toEqual(['aws_iam_role.gone', 'aws_sqs_queue.jobs', 'var.email']);
    expect(send.filter((address) => !addressesOf(stack).has(address))).toEqual(['aws_iam_role.gone']);
  });

  it('lead through locals', () => {
    const stack = {
      ...stackOf({ aws_launch_template: { machine: { user_data: '${base64encode(local.script)}' } } }),
      locals: { script: 'for ${data.aws_caller_identity.me.account_id}' },
    };
    const references = referencesOf(stack);
    expect([...(references.get('aws_launch_template.machine') ?? [])]).toEqual(['local.script']);
    expect([...(references.get('local.script') ?? [])]).toEqual(['data.aws_caller_identity.me']);
    expect(addressesOf(stack).has('local.script')).toBe(true);
  });

  it('may not go round', () => {
    const a = { aws_sqs_queue: { a: { name: '${aws_sqs_queue.b.name}' }, b: { name: 'b' } } };
    expect(cycleIn(referencesOf(stackOf(a)))).toBeNull();
    const round = { aws_sqs_queue: { ...a.aws_sqs_queue, b: { name: '${aws_sqs_queue.a.name}' } } };
    expect(cycleIn(referencesOf(stackOf(round)))).toEqual(['aws_sqs_queue.a', 'aws_sqs_queue.b', 'aws_sqs_queue.a']);
  });
});
