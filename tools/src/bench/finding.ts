import { pairwise, spreadOf, type Spread } from './statistics.ts';

export type Unit = 'ms' | 's' | '/s' | 'MB' | '';

/** What a goal is about: the figure itself, or how often one side's holds the other's. */
export type Goal = { readonly bound: 'at least' | 'at most'; readonly value: number; readonly of: 'figure' | 'ratio' };

/** One line of the table. */
export type Finding = {
  readonly what: string;
  readonly ours: Spread;
  readonly unit: Unit;
  /** What it was compared with in the same run; null = the figure stands for itself. */
  readonly other: { readonly name: string; readonly figures: Spread; readonly ratio: Spread } | null;
  readonly goal: Goal;
  readonly isMet: boolean;
};

type Given = {
  what: string;
  unit: Unit;
  ours: readonly number[];
  other?: { name: string; figures: readonly number[] };
  /** `other` divided by `ours` where less is better (times), `ours` by `other` where more is. */
  ratio?: 'other/ours' | 'ours/other';
  goal: Goal;
};

export function finding({ what, unit, ours, other, ratio, goal }: Given): Finding {
  const ratios =
    other === undefined
      ? null
      : spreadOf(ratio === 'other/ours' ? pairwise(other.figures, ours) : pairwise(ours, other.figures));
  const figures = spreadOf(ours);
  const judged = goal.of === 'ratio' ? (ratios?.median ?? Number.NaN) : figures.median;
  return {
    what,
    unit,
    ours: figures,
    other:
      other === undefined || ratios === null
        ? null
        : { name: other.name, figures: spreadOf(other.figures), ratio: ratios },
    goal,
    isMet: goal.bound === 'at least' ? judged >= goal.value : judged <= goal.value,
  };
}
