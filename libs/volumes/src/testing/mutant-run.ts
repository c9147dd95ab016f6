import { VolumeError } from '../volume-error.ts';
import { NumpyJudge } from './numpy-judge.ts';
import type { JudgedKind, Verdict } from './numpy-judge.ts';
import { requireInterpreter } from './python.ts';
import { Stopwatch } from './stopwatch.ts';

/** What one kind of mutant did to its reader. */
export type MutantReport = {
  readonly refused: Readonly<Record<string, number>>;
  readonly accepted: number;
  readonly slowestMs: number;
  readonly verdicts: Readonly<Partial<Record<JudgedKind, Verdict>>>;
};

/** An accepted mutant, for NumPy to read: which kind of file, its bytes, and what was understood. */
export type Accepted = {
  readonly kind: JudgedKind;
  readonly source: Buffer;
  readonly understood: Readonly<Record<string, unknown>>;
};

const WARM_UP = 300;

/**
 * Reads mutants one after the other. Fails at the first one that ends in anything but a result or a `VolumeError`, or that
 * is too slow, and names it so that the seed replays it; at the end NumPy reads what was accepted.
 */
export async function runMutants<M>(args: {
  readonly mutants: number;
  readonly kinds: readonly JudgedKind[];
  readonly make: () => M;
  /** Reads a mutant; may be called again for the same one. */
  readonly read: (mutant: M) => Promise<Accepted>;
  readonly bytesOf: (mutant: M) => Buffer;
  readonly python: string | undefined;
}): Promise<MutantReport> {
  requireInterpreter(args.python); // now, not after minutes
  const judges = await Promise.all(args.kinds.map((kind) => NumpyJudge.open(kind)));
  const stopwatch = new Stopwatch();
  const refused: Record<string, number> = {};
  let accepted = 0;
  const attempt = async (mutant: M): Promise<Accepted | string> => {
    try {
      return await stopwatch.measure(() => args.read(mutant));
    } catch (error) {
      if (error instanceof VolumeError) return error.code;
      throw error;
    }
  };
  try {
    for (let index = 0; index < args.mutants; index += 1) {
      const mutant = args.make();
      try {
        const outcome = await attempt(mutant);
        if (index >= WARM_UP) await stopwatch.judge(() => attempt(mutant));
        if (typeof outcome === 'string') {
          refused[outcome] = (refused[outcome] ?? 0) + 1;
        } else {
          accepted += 1;
          await judges.find(({ kind }) => kind === outcome.kind)?.add(outcome.source, outcome.understood);
        }
      } catch (error) {
        throw new Error(`mutant ${index}: ${args.bytesOf(mutant).toString('base64')}`, { cause: error });
      }
    }
    const verdicts: Partial<Record<JudgedKind, Verdict>> = {};
    for (const judge of judges) verdicts[judge.kind] = await judge.verdict(args.python);
    return { refused, accepted, slowestMs: stopwatch.slowestMs, verdicts };
  } finally {
    await Promise.all(judges.map((judge) => judge.close()));
  }
}
