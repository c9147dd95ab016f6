import { MODEL_EXIT, type ModelManifest } from '@bpi/job-contract';
import { z } from 'zod';

/** How a model container ended that left no mask. */
export type ModelEnding = {
  exitCode: number;
  /** By the kernel, at the container's limit. */
  oomKilled: boolean;
  /** Its stdout and stderr, the newest part. */
  log: string;
};

const LOG_LINES_SHOWN = 15;
const reasonSchema = z.object({ reason: z.string().regex(/^[a-z_]{1,64}$/) });

const WEIGHTS_ADVICE: Readonly<Record<string, string>> = {
  weights_missing:
    'a container may not enter their folder (chmod a+rx it), or the file is a link out of it (put the file itself there).',
  weights_unreadable:
    'other users may not read it (chmod a+r it), it is cut off (download it again), or torch refuses what is in it.',
  weights_digest_mismatch: 'the file changed while it was tried: leave it alone and try again.',
  weights_keys_mismatch: 'it is a checkpoint of another network: fetch the one that model.json names.',
  weights_not_pinned: 'its image was not told the digest: rebuild it from this checkout.',
  tokenizer_missing: 'its image lacks the tokenizer: remove the image, and build it again.',
};

/** One sentence about what went wrong and what to do, and the end of the log where nothing else tells. */
export function failureOf(ending: ModelEnding, { resources }: Pick<ModelManifest, 'resources'>): string {
  const { exitCode, oomKilled, log } = ending;
  const reason = reasonOf(log);
  if (oomKilled)
    return `The container needed more than its ${resources.memory_mib} MiB: raise resources.memory_mib in model.json.`;
  switch (exitCode) {
    case MODEL_EXIT.inputRejected:
      return `The model refuses the case (${reason}): choose one as the manifest's input describes it.`;
    case MODEL_EXIT.outOfMemory:
      return (
        'Memory ran out with one slice at a time, too: use a GPU with more than ' +
        `${resources.gpu_memory_mib} MiB, or a case with fewer prompts.`
      );
    case MODEL_EXIT.weightsMissing:
      return `The model did not take its weights (${reason}): ${WEIGHTS_ADVICE[reason] ?? 'see its README.'}${lastLines(log)}`;
    case MODEL_EXIT.deviceMissing:
      return (
        'The model found no GPU that works: make nvidia-smi work inside a container, or leave --gpu out.' +
        lastLines(log)
      );
    default:
      return `The model ended with ${exitCode} (${reason}): its log says why, mend that.${lastLines(log)}`;
  }
}

function lastLines(log: string): string {
  return ` The last lines were:\n${log.trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n')}`;
}

/** `reason` of the JSON object in the last line. */
function reasonOf(log: string): string {
  try {
    return reasonSchema.parse(JSON.parse(log.trimEnd().split('\n').at(-1) ?? '')).reason;
  } catch {
    return 'no reason given';
  }
}
