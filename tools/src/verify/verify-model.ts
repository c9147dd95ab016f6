import { paramsSchemaOf, type Params } from '@bpi/job-contract';
import type Dockerode from 'dockerode';
import { ensureModelImage } from '../docker/model-image.ts';
import type { HostEnvironment, Log } from '../docker/host.ts';
import type { VerifyArguments } from './arguments.ts';
import { diceOf, isSameMask, meanDice } from './dice.ts';
import { prepareCase, readPrediction, type GoldenCase } from './golden-case.ts';
import { pinWeights, readManifest, type VerifiableManifest } from './model-folder.ts';
import { runModel, withWorkDir, type ModelRunPlan } from './model-run.ts';
import { labelTable, runLines } from './report.ts';
import { VerifyError } from './verify-error.ts';
import { checkWeights } from './weights-file.ts';

export type VerifyOptions = Omit<VerifyArguments, 'model'> & {
  /** Holds `model.json`. */
  folder: string;
  /** Exists; large enough for the case and its masks. */
  temporaryDir: string;
  environment: HostEnvironment;
  /** What goes on, for somebody who waits. */
  log: Log;
  /** What came of it. */
  say: Log;
  /** Ends a run; what was started is removed. */
  signal: AbortSignal;
};

/**
 * Builds a model's image, runs its golden case with its real weights, and compares the mask with a reference.
 * Resolves only if the mean Dice reaches the manifest's floor and both runs gave the same mask.
 * @throws VerifyError, DockerError
 */
export async function verifyModel(docker: Dockerode, options: VerifyOptions): Promise<void> {
  const { folder, device, log, say } = options;
  const manifest = await readManifest(folder);
  const params = paramsOf(manifest);
  refuseDevice(manifest, device);
  await withWorkDir(options.temporaryDir, async (workDir, inputsDir) => {
    // What needs no image comes first: a wrong file is found before gigabytes are fetched.
    const golden = await prepareCase(options, { manifest, inputsDir });
    const weights = await checkWeights(options.weightsDir, manifest.weights, options);
    const { imageId } = await ensureModelImage(docker, { folder, log, environment: options.environment });
    if (device === 'cpu' && manifest.resources.gpu === 'required')
      log('WARNING: without --gpu this runs on the processor and takes minutes to hours.');
    say(`${manifest.name} ${manifest.version}, image ${imageId}`);
    say(`Weights ${weights.file}: SHA-256 ${weights.sha256}, ${weights.verdict}.`);
    say(`Case: ${golden.shape.join(' x ')} voxels, ${golden.ids.length} prompts; params ${JSON.stringify(params)}.`);
    const plan: ModelRunPlan = {
      manifest,
      imageId,
      weights: { ...weights, folder: options.weightsDir },
      params,
      device,
      inputsDir,
      workDir,
      log,
      signal: options.signal,
    };
    const mean = await runTwice(docker, plan, { golden, runs: options.runs, say });
    refuseBadDice(mean, manifest.golden.dice_min);
    await settlePin(folder, weights, options);
  });
}

/** Resolves with the mean Dice. */
async function runTwice(
  docker: Dockerode,
  plan: ModelRunPlan,
  { golden, runs, say }: { golden: GoldenCase; runs: 1 | 2; say: Log },
): Promise<number | null> {
  const run = await runModel(docker, plan);
  const mask = await readPrediction(run.maskPath, golden);
  const labels = diceOf(mask, golden.reference, golden.ids);
  for (const line of [...labelTable(labels, run.metrics), ...runLines(run.metrics, run.seconds)]) say(line);
  const mean = meanDice(labels);
  say(
    `Mean Dice of the labels in the reference: ${mean?.toFixed(4) ?? 'none'}; wanted ${plan.manifest.golden.dice_min}.`,
  );
  if (runs === 1) return mean;
  const again = await readPrediction((await runModel(docker, plan)).maskPath, golden);
  if (!isSameMask(mask, again))
    throw new VerifyError('Two runs with the same seed gave different masks: look for what the image does not seed.');
  say('A second run gave the same mask.');
  return mean;
}

function refuseDevice({ name, resources }: VerifiableManifest, device: 'gpu' | 'cpu'): void {
  if (device === 'gpu' && resources.gpu === 'none')
    throw new VerifyError(`${name} uses no GPU, its manifest says: leave --gpu out.`);
}

function refuseBadDice(mean: number | null, diceMin: number): void {
  if (mean === null)
    throw new VerifyError(
      'The reference holds none of the labels that the case asks for: take the one that belongs to it.',
    );
  if (mean < diceMin)
    throw new VerifyError(
      `The mean Dice ${mean.toFixed(4)} is below ${diceMin}: check that case, reference and weights belong together.`,
    );
}

async function settlePin(
  folder: string,
  weights: { file: string; sha256: string; verdict: 'pinned' | 'not pinned' },
  { pin, say }: VerifyOptions,
): Promise<void> {
  if (weights.verdict === 'pinned') return;
  if (!pin) {
    say('The weights are not pinned, and no job runs with them yet: run this again with --pin.');
    return;
  }
  await pinWeights(folder, { file: weights.file, sha256: weights.sha256 });
  say(
    'model.json pins these weights now. Correct what it says as `evidence`, and the README: they still say never run.',
  );
}

/** As the platform lays a request's params over the defaults. @throws VerifyError */
function paramsOf(manifest: VerifiableManifest): Params {
  const params = paramsSchemaOf(manifest).safeParse(manifest.golden.params);
  if (params.success) return params.data;
  throw new VerifyError(
    `golden.params in model.json do not fit the params it declares: correct ${issueOf(params.error)}.`,
  );
}

function issueOf({ issues }: { issues: readonly { path: PropertyKey[]; message: string }[] }): string {
  return issues.map(({ path, message }) => `${path.map(String).join('.')} (${message})`).join(', ');
}
