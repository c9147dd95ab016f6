export { LAUNCH_CALL_MS_MAX, openAwsClients, type AwsClients, type AwsClientSettings } from './aws-clients.ts';
export { AwsError } from './aws-error.ts';
export type { AwsOperation } from './aws-operation.ts';
export { DYNAMO_CLIENTS_OPERATIONS, DynamoClients } from './dynamodb/dynamo-clients.ts';
export {
  DYNAMO_JOB_STORE_OPERATIONS,
  DynamoJobStore,
  type DynamoJobStoreOptions,
} from './dynamodb/dynamo-job-store.ts';
export { JOB_TABLE, jobTableDefinition, KEY_ATTRIBUTES, TABLE_INDEXES } from './dynamodb/job-table.ts';
export { ECS_TASK_RUNNER_OPERATIONS } from './ecs/ecs-calls.ts';
export { EcsTaskRunner, TASK_EVENTS_OPERATIONS, type EcsTaskRunnerSettings } from './ecs/ecs-task-runner.ts';
export type { JobContainer, JobTaskDefinition } from './ecs/job-task-definition.ts';
export { buildJobTask, type JobTaskSettings } from './ecs/job-task.ts';
export { REQUIRED_SETTINGS } from './ecs/required-settings.ts';
export { STAGER_ENV, stagerEnvSchema, type StagerEnv } from './ecs/stager-env.ts';
export { TASK_CONTAINERS, TASK_FILES, TASK_FOLDERS, TASK_USER } from './ecs/task-layout.ts';
export { environmentSentences, numberVariable, platformEnvSchema, textVariable } from './platform-env.ts';
export { S3_OBJECT_STORE_OPERATIONS, S3ObjectStore, type S3ObjectStoreOptions } from './s3/s3-object-store.ts';
export { SQS_JOB_QUEUE_OPERATIONS, SqsJobQueue, type SqsJobQueueOptions } from './sqs/job-queue.ts';
export { sendStagerMessage, STAGER_MESSAGE_OPERATIONS } from './sqs/send-stager-message.ts';
export { parseStagerMessage, stagerMessageBody, type StagerMessage } from './sqs/task-events-message.ts';
export { TASK_EVENTS } from './sqs/task-events.ts';
