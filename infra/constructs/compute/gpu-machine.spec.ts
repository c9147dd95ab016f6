import { describe, expect, it } from '@jest/globals';
import { synthesizedPool } from '../../testing/gpu-parts.ts';
import { all, only } from '../../testing/synth-construct.ts';

const KEY = 'arn:aws:kms:us-east-1:1:key/own';

describe('a GPU machine', () => {
  it('comes from ECS’s image for GPUs, as AWS recommends it on the day', () => {
    const stack = synthesizedPool();
    expect(only(stack, 'aws_ssm_parameter')).toEqual({
      name: '/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id',
    });
    expect(only(stack, 'aws_launch_template')['image_id']).toMatch(
      /^\$\{data\.aws_ssm_parameter\.\w+\.insecure_value\}$/,
    );
  });

  it('tells its containers nothing: IMDSv2, one hop', () => {
    expect(only(synthesizedPool(), 'aws_launch_template')['metadata_options']).toEqual({
      http_endpoint: 'enabled',
      http_tokens: 'required',
      http_put_response_hop_limit: 1,
      instance_metadata_tags: 'disabled',
    });
  });

  it.each([
    [null, undefined],
    [KEY, KEY],
  ])('has one encrypted disk of the size that was set (own key: %s)', (keyArn, kmsKeyId) => {
    const [disk, ...more] = only(synthesizedPool({ context: { keyArn } }), 'aws_launch_template')[
      'block_device_mappings'
    ] as Record<string, Record<string, unknown>>[]; // as synthesized
    expect(more).toEqual([]);
    expect(disk).toMatchObject({ device_name: '/dev/xvda', ebs: { encrypted: 'true', volume_size: 120 } });
    expect(disk?.['ebs']?.['kms_key_id']).toBe(kmsKeyId);
  });

  it.each([
    ['endpoints', 'false'],
    ['public', 'true'],
  ] as const)('in a network of mode %s has a public address: %s; nothing comes in', (mode, associatePublicIp) => {
    const stack = synthesizedPool({ mode });
    const template = only(stack, 'aws_launch_template');
    expect(template['network_interfaces']).toEqual([
      {
        device_index: 0,
        associate_public_ip_address: associatePublicIp,
        delete_on_termination: 'true',
        security_groups: [expect.stringContaining('aws_security_group.network_gpu-machine_group')],
      },
    ]);
    expect(template).not.toHaveProperty('key_name');
    const admitted = all(stack, 'aws_vpc_security_group_ingress_rule').map((rule) => rule['security_group_id']);
    expect(admitted.filter((group) => String(group).includes('gpu-machine'))).toEqual([]);
  });

  it('may join its own cluster and read its models’ weights, and nothing else', () => {
    const { Statement } = JSON.parse(String(only(synthesizedPool(), 'aws_iam_role_policy')['policy'])) as {
      Statement: { Action: string[]; Resource: string[] }[]; // our own document
    };
    const cluster = expect.stringMatching(/^\$\{aws_ecs_cluster\.cluster_\w+\.arn\}$/);
    const instances = expect.stringMatching(
      /^arn:aws:ecs:us-east-1:\$\{[^}]+\}:container-instance\/\$\{aws_ecs_cluster\.cluster_\w+\.name\}\/\*$/,
    );
    expect(Statement.map(({ Action, Resource }) => [Action, Resource])).toEqual([
      [['ecs:DiscoverPollEndpoint'], ['*']],
      [
        [
          'ecs:DeregisterContainerInstance',
          'ecs:RegisterContainerInstance',
          'ecs:SubmitAttachmentStateChanges',
          'ecs:SubmitContainerStateChange',
          'ecs:SubmitTaskStateChange',
        ],
        [cluster],
      ],
      [['ecs:Poll', 'ecs:StartTelemetrySession', 'ecs:UpdateContainerInstancesState'], [instances]],
      [['s3:GetObject'], ['arn:aws:s3:::bpi-weights-ours/brain-mri/unet.pt']],
    ]);
    const without = only(synthesizedPool({ machine: { weights: {} } }), 'aws_iam_role_policy');
    expect(String(without['policy'])).not.toContain('s3:');
  });

  it('starts as its user data says, and is gone when it turns itself off', () => {
    const stack = synthesizedPool();
    const template = only(stack, 'aws_launch_template');
    const [name, text] = Object.entries(stack.locals ?? {})[0] ?? [];
    expect(template['user_data']).toBe(`\${base64encode(local.${name})}`);
    expect(text).toContain('"key":"brain-mri/unet.pt"');
    expect(text).toMatch(/"ECS_CLUSTER":"\$\{aws_ecs_cluster\.cluster_\w+\.name\}"/);
    expect(template['instance_initiated_shutdown_behavior']).toBe('terminate');
  });

  it('carries the tags of the stack, with its disk', () => {
    const specifications = only(synthesizedPool(), 'aws_launch_template')['tag_specifications'];
    const tags = expect.stringMatching(/^\$\{data\.aws_default_tags\.[\w-]+\.tags\}$/);
    expect(specifications).toEqual(
      ['instance', 'volume', 'network-interface'].map((resourceType) => ({ resource_type: resourceType, tags })),
    );
  });
});
