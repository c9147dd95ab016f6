import type { ModelWeights } from './model-manifest.ts';

/**
 * Names of the environment variables a model container receives. No secrets among them. The last three only where the
 * manifest names weights.
 */
export const MODEL_ENV = {
  jobId: 'JOB_ID',
  attempt: 'JOB_ATTEMPT',
  inputDir: 'INPUT_DIR',
  outputDir: 'OUTPUT_DIR',
  cudaVisibleDevices: 'CUDA_VISIBLE_DEVICES',
  ompThreads: 'OMP_NUM_THREADS',
  weightsDir: 'WEIGHTS_DIR',
  /** The manifest's `weights.file`, in that folder. */
  weightsFile: 'WEIGHTS_FILE',
  /** The manifest's `weights.sha256`; empty = not pinned, and the model refuses to run. */
  weightsSha256: 'WEIGHTS_SHA256',
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

/** What a container is told about its weights, by the names above; nothing where there are none to be told of. */
export function weightsEnvironment(weights: ModelWeights | null): Record<string, string> {
  if (weights === null) return {};
  return {
    [MODEL_ENV.weightsDir]: WORKSPACE.weights,
    [MODEL_ENV.weightsFile]: weights.file,
    [MODEL_ENV.weightsSha256]: weights.sha256 ?? '',
  };
}
