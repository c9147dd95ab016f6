/** Registers one task definition per model, as the infrastructure would. */
import { ECSClient, RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { buildJobTask, TASK_CONTAINERS } from '@bpi/adapters-aws';
import { LIMITS, type ModelManifest } from '@bpi/job-contract';
import { EMULATED_CREDENTIALS, EMULATED_REGION, type AwsResources } from './aws-resources.ts';

export type JobTaskSettings = {
  ecsEndpoint: string;
  emulatorEndpoint: string;
  resources: AwsResources;
  stagerImage: string;
  /** By the manifest's `image`, what the engine calls it: its id. A model without one cannot be pulled. */
  modelImages: ReadonlyMap<string, string>;
  startDeadlineMs: number;
  outputBytesMax?: number;
};

/** Not an image: what a definition names whose image nobody built. */
const ABSENT_DIGEST = `sha256:${'0'.repeat(64)}`;
const NO_ROLE = 'arn:aws:iam::000000000000:role/simulated';

/** `model@version` → ARN of its definition. */
export async function registerJobTasks(
  manifests: readonly ModelManifest[],
  settings: JobTaskSettings,
): Promise<Record<string, string>> {
  const ecs = new ECSClient({
    region: EMULATED_REGION,
    endpoint: settings.ecsEndpoint,
    credentials: EMULATED_CREDENTIALS,
  });
  try {
    const definitions: Record<string, string> = {};
    for (const manifest of manifests) {
      const registered = await ecs.send(new RegisterTaskDefinitionCommand(definitionOf(manifest, settings)));
      const arn = registered.taskDefinition?.taskDefinitionArn;
      if (arn === undefined) throw new Error(`The simulator registered no definition for ${manifest.name}.`);
      definitions[`${manifest.name}@${manifest.version}`] = arn;
    }
    return definitions;
  } finally {
    ecs.destroy();
  }
}

function definitionOf(manifest: ModelManifest, settings: JobTaskSettings): ReturnType<typeof buildJobTask> {
  const digest = settings.modelImages.get(manifest.image) ?? ABSENT_DIGEST;
  const task = buildJobTask({
    manifest,
    family: `job-${manifest.name}`,
    images: { stager: settings.stagerImage, model: digest },
    region: EMULATED_REGION,
    bucket: settings.resources.bucket,
    taskEventsQueueUrl: settings.resources.taskEventsQueueUrl,
    roles: { task: NO_ROLE, execution: NO_ROLE },
    logGroup: null,
    // The simulator refuses folders of a machine: a model that needs weights ends with `weights_missing` here.
    weights: null,
    outputBytesMax: settings.outputBytesMax ?? LIMITS.outputBytesMax,
    startDeadlineMs: settings.startDeadlineMs,
  });
  // On AWS the task's role gives credentials and the region gives endpoints.
  const emulator = [
    { name: 'AWS_ENDPOINT_URL', value: settings.emulatorEndpoint },
    { name: 'AWS_ACCESS_KEY_ID', value: EMULATED_CREDENTIALS.accessKeyId },
    { name: 'AWS_SECRET_ACCESS_KEY', value: EMULATED_CREDENTIALS.secretAccessKey },
  ];
  return {
    ...task,
    containerDefinitions: task.containerDefinitions.map((container) =>
      container.name === TASK_CONTAINERS.model
        ? container
        : { ...container, environment: [...container.environment, ...emulator] },
    ),
  };
}
