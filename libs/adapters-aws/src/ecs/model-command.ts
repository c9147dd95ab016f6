import { LIMITS } from '@bpi/job-contract';
import { TASK_FILES } from './task-layout.ts';

export type ModelCommandSettings = {
  /** The first bytes of the model's output are kept here; the folder exists. */
  logFile: string;
  /** A multiple of 512. */
  logBytesMax: number;
  /** A folder that the container may write in, for the pipe between the model and its log. */
  scratch: string;
  /** How long a process that the model left behind may still write, in whole seconds. */
  logGraceS: number;
};

const SETTINGS: ModelCommandSettings = {
  logFile: TASK_FILES.logs,
  logBytesMax: LIMITS.modelLogBytesMax,
  scratch: '/tmp',
  logGraceS: 2,
};

/** The unit of a shell's `ulimit -f` (POSIX). A limit, because `cat` keeps nothing back and `head` does. */
const FILE_BLOCK_BYTES = 512;

/**
 * The entry point of every model container: POSIX sh, because that is all that a model's image must have. It keeps the
 * first bytes of what the model says in a file that the stager reads, and reads the rest without keeping it, so that a
 * model that says too much neither blocks nor dies of a broken pipe. SIGTERM is passed on to
 * `predict.sh`, which has to `exec` its program to hand it on; the exit code is the model's.
 */
export function buildModelCommand(settings: ModelCommandSettings = SETTINGS): [string, ...string[]] {
  return ['sh', '-c', script(settings)];
}

function script({ logFile, logBytesMax, scratch, logGraceS }: ModelCommandSettings): string {
  return `
pipe=${quoted(`${scratch}/.model-output`)}
mkfifo "$pipe" || exit 125
{ (ulimit -f ${logBytesMax / FILE_BLOCK_BYTES}; exec cat > ${quoted(logFile)}) 2> /dev/null; cat > /dev/null; } < "$pipe" &
reader=$!
sh predict.sh > "$pipe" 2>&1 &
model=$!
trap 'kill -TERM "$model" 2> /dev/null' TERM
wait "$model"; code=$?
while kill -0 "$model" 2> /dev/null; do wait "$model"; code=$?; done
rm -f "$pipe"
{ sleep ${logGraceS}; kill "$reader"; } > /dev/null 2>&1 &
wait "$reader" 2> /dev/null
exit "$code"
`.trim();
}

/** One word for the shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
