import { MANIFEST } from './stager-bench.ts';

/** A whole environment of a stage, as its container in a task gets it. */
export const TASK_ENV = {
  JOB_ID: '6f1c1f0e-6f0a-4c58-9a52-0d8a3c1f2b3e',
  JOB_ATTEMPT: '3',
  JOB_SHRUNK: 'no',
  JOB_POOL: 'gpu-spot',
  MODEL_MANIFEST: JSON.stringify(MANIFEST),
  MODEL_IMAGE_DIGEST: `sha256:${'0a'.repeat(32)}`,
  BUCKET: 'job-bucket',
  TASK_EVENTS_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/task-events',
  START_DEADLINE_MS: '600000',
  OUTPUT_BYTES_MAX: '2147483648',
  AWS_REGION: 'eu-central-1',
  ECS_CONTAINER_METADATA_URI_V4: 'http://169.254.170.2/v4/token',
} as const;
