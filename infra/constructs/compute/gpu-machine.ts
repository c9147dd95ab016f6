import { DataAwsDefaultTags } from '@cdktf/provider-aws/lib/data-aws-default-tags/index.js';
import { DataAwsSsmParameter } from '@cdktf/provider-aws/lib/data-aws-ssm-parameter/index.js';
import { IamInstanceProfile } from '@cdktf/provider-aws/lib/iam-instance-profile/index.js';
import { LaunchTemplate } from '@cdktf/provider-aws/lib/launch-template/index.js';
import { Fn, TerraformLocal, Token } from 'cdktf';
import { Construct } from 'constructs';
import type { Cluster } from './cluster.ts';
import type { InstanceSize } from './gpu-instances.ts';
import { gpuUserData, type GpuUserDataSettings } from './gpu-user-data.ts';
import type { Network } from '../network/network.ts';
import { allow, type Statement } from '../policy.ts';
import { ServiceRole } from '../service-role.ts';
import { IAM_PATH, type StackContext } from '../stack-context.ts';

export type GpuMachineSettings = {
  cluster: Cluster;
  network: Network;
  size: InstanceSize;
  /** Preferred first, where the price is the same. */
  families: readonly string[];
  rootVolumeGiB: number;
  weights: GpuUserDataSettings['weights'];
  weightsBucketName: string;
};

/** "Retrieving Amazon ECS-optimized Linux AMI metadata" */
const IMAGE_PARAMETER = '/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id';
/** Of that image (github.com/aws/amazon-ecs-ami, al2023gpu.pkr.hcl); another name would make a second volume. */
const ROOT_DEVICE = '/dev/xvda';

/** What the machines of both pools are: image, disk, role, and what they do at their first start. */
export class GpuMachine extends Construct {
  readonly launchTemplateId: string;
  readonly launchTemplateVersion: string;
  readonly instanceTypes: readonly string[];
  readonly roleArn: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: GpuMachineSettings) {
    super(scope, id);
    const { cluster, network, weights, weightsBucketName } = settings;
    const role = new ServiceRole(this, 'role', context, {
      name: 'gpu-machine',
      description: 'GPU machines: join their cluster, read the weights of the models',
      service: 'ec2.amazonaws.com',
      statements: statements(context, settings),
    });
    const profile = new IamInstanceProfile(this, 'profile', {
      name: context.name('gpu-machine'),
      path: IAM_PATH,
      role: role.name,
    });
    // A local, because cdktf takes no text with quotes in it as the argument of a function.
    const userData = new TerraformLocal(
      this,
      'user-data',
      gpuUserData({ clusterName: cluster.name, region: context.region, weights, weightsBucketName }),
    );
    const template = new LaunchTemplate(this, 'template', {
      name: context.name('gpu-machine'),
      updateDefaultVersion: true,
      imageId: new DataAwsSsmParameter(this, 'image', { name: IMAGE_PARAMETER }).insecureValue,
      iamInstanceProfile: { arn: profile.arn },
      userData: Fn.base64encode(userData.asString),
      // A machine that turns itself off is of no use to anybody.
      instanceInitiatedShutdownBehavior: 'terminate',
      // One hop: the agent, on the machine itself, gets its answer; a container does not.
      metadataOptions: {
        httpEndpoint: 'enabled',
        httpTokens: 'required',
        httpPutResponseHopLimit: 1,
        instanceMetadataTags: 'disabled',
      },
      // Nothing reads its minute-by-minute metrics: the alarms count machines, which the group does for free.
      monitoring: { enabled: false },
      networkInterfaces: [
        {
          deviceIndex: 0,
          associatePublicIpAddress: String(network.publicAddresses),
          deleteOnTermination: 'true',
          securityGroups: [
            network.clientGroup('gpu-machine', { name: 'gpu-machine', description: 'GPU machines; nothing comes in' }),
          ],
        },
      ],
      blockDeviceMappings: [rootDisk(settings, context)],
      tagSpecifications: this.#tags(),
      tags: { Name: context.name('gpu-machine') },
    });
    this.launchTemplateId = template.id;
    this.launchTemplateVersion = Token.asString(template.latestVersion);
    this.instanceTypes = settings.families.map((family) => `${family}.${settings.size}`);
    this.roleArn = role.arn;
  }

  /** The provider's default tags stop at the template; what is made of it costs the money, so it gets them here. */
  #tags() {
    const tags = Token.asStringMap(new DataAwsDefaultTags(this, 'default-tags', {}).tags);
    return ['instance', 'volume', 'network-interface'].map((resourceType) => ({ resourceType, tags }));
  }
}

function rootDisk({ rootVolumeGiB }: GpuMachineSettings, { keyArn }: StackContext) {
  return {
    deviceName: ROOT_DEVICE,
    ebs: {
      volumeType: 'gp3',
      volumeSize: rootVolumeGiB,
      encrypted: 'true',
      deleteOnTermination: 'true',
      ...(keyArn === null ? {} : { kmsKeyId: keyArn }),
    },
  };
}

/**
 * What the agent does as the machine ("Actions, resources, and condition keys for Amazon ECS"): less than AWS's own
 * AmazonEC2ContainerServiceforEC2Role, since images and logs are the business of the task's execution role.
 */
function statements({ region, accountId }: StackContext, settings: GpuMachineSettings): Statement[] {
  const { cluster, weights, weightsBucketName } = settings;
  const files = Object.entries(weights).map(([model, { file }]) => `${model}/${file}`);
  return [
    allow({
      sid: 'AnyResourceFindEcs',
      actions: ['ecs:DiscoverPollEndpoint'],
      resources: ['*'],
      wildcardBecause: 'the action knows no resources: it asks where ECS is to be reached',
    }),
    allow({
      sid: 'JoinTheCluster',
      actions: [
        'ecs:DeregisterContainerInstance',
        'ecs:RegisterContainerInstance',
        'ecs:SubmitAttachmentStateChanges',
        'ecs:SubmitContainerStateChange',
        'ecs:SubmitTaskStateChange',
      ],
      resources: [cluster.arn],
    }),
    allow({
      sid: 'WorkInTheCluster',
      actions: ['ecs:Poll', 'ecs:StartTelemetrySession', 'ecs:UpdateContainerInstancesState'],
      resources: [`arn:aws:ecs:${region}:${accountId}:container-instance/${cluster.name}/*`],
    }),
    ...(files.length === 0
      ? []
      : [
          allow({
            sid: 'ReadWeights',
            actions: ['s3:GetObject'],
            resources: files.map((file) => `arn:aws:s3:::${weightsBucketName}/${file}`),
          }),
        ]),
  ];
}
