import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { VerifyError } from './verify-error.ts';

export const USAGE =
  'usage: ./tools/verify-model MODEL --weights DIR [--case FILE.npz --reference FILE.npz] [--gpu] [--once] [--pin]';

export type VerifyArguments = {
  /** A folder below `apps/models`. */
  model: string;
  /** Absolute. Holds the manifest's `weights.file`. */
  weightsDir: string;
  /** Absolute. A volume with prompts as a client sends it, and its segmentation by somebody who knows. */
  casePath: string;
  referencePath: string;
  device: 'gpu' | 'cpu';
  runs: 1 | 2;
  /** Whether model.json gets the digest of weights that passed. */
  pin: boolean;
};

/** @param callerDir what relative paths start from. @throws VerifyError */
export function parseArguments(argv: readonly string[], callerDir: string): VerifyArguments {
  const { values, positionals } = parse(argv);
  const [model, ...more] = positionals;
  if (model === undefined || more.length > 0) throw new VerifyError(`Name one model. ${USAGE}`);
  if (!/^[a-z][a-z0-9-]{0,47}$/.test(model)) throw new VerifyError(`MODEL is a folder's name, not a path. ${USAGE}`);
  if (values.weights === undefined) throw new VerifyError(`Say where the weights are. ${USAGE}`);
  if ((values.case === undefined) !== (values.reference === undefined))
    throw new VerifyError(`--case and --reference belong together: give both or none. ${USAGE}`);
  const weightsDir = resolve(callerDir, values.weights);
  const golden = join(weightsDir, 'golden');
  return {
    model,
    weightsDir,
    casePath: values.case === undefined ? join(golden, 'input.npz') : resolve(callerDir, values.case),
    referencePath:
      values.reference === undefined ? join(golden, 'reference.npz') : resolve(callerDir, values.reference),
    device: values.gpu === true ? 'gpu' : 'cpu',
    runs: values.once === true ? 1 : 2,
    pin: values.pin === true,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        weights: { type: 'string' },
        case: { type: 'string' },
        reference: { type: 'string' },
        gpu: { type: 'boolean' },
        once: { type: 'boolean' },
        pin: { type: 'boolean' },
      },
    });
  } catch {
    throw new VerifyError(`There is no such option. ${USAGE}`);
  }
}
