/** Names of the environment variables a model container receives. No secrets among them. */
export const MODEL_ENV = {
  jobId: 'JOB_ID',
  attempt: 'JOB_ATTEMPT',
  inputDir: 'INPUT_DIR',
  outputDir: 'OUTPUT_DIR',
  cudaVisibleDevices: 'CUDA_VISIBLE_DEVICES',
  ompThreads: 'OMP_NUM_THREADS',
} as const;

/** Paths inside every model container. */
export const WORKSPACE = {
  root: '/workspace',
  inputs: '/workspace/inputs',
  outputs: '/workspace/outputs',
  weights: '/workspace/weights',
} as const;

/** Files a model may write in its output folder, and those it reads. */
export const MODEL_FILES = {
  params: 'params.json',
  progress: 'progress.jsonl',
  metrics: 'metrics.json',
  /** Looked for in this order: the challenge's convention (the input's name), then ours. */
  masks: ['input.npz', 'pred_mask.npz'],
} as const;
