import type { Finding, Goal, Unit } from './finding.ts';
import type { Spread } from './statistics.ts';

const HEAD = ['what', 'here', 'compared with', 'ratio', 'goal', 'met'] as const;

/** Markdown: a line per finding; each figure is a median, with the least and the greatest of the rounds. */
export function tableOf(findings: readonly Finding[]): string[] {
  return [row(HEAD), row(HEAD.map(() => '---')), ...findings.map((found) => row(cellsOf(found)))];
}

function cellsOf({ what, ours, unit, other, goal, isMet }: Finding): string[] {
  return [
    what,
    figuresText(ours, unit),
    other === null ? '' : `${other.name}: ${figuresText(other.figures, unit)}`,
    other === null ? '' : figuresText(other.ratio, ''),
    goalText(goal, unit),
    isMet ? 'yes' : '**no**',
  ];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function figuresText({ median, min, max }: Spread, unit: Unit): string {
  const text = unit === '' ? number(median) : `${number(median)} ${unit}`;
  return min === max ? text : `${text} (${number(min)}–${number(max)})`;
}

function goalText({ bound, value, of }: Goal, unit: Unit): string {
  const sign = bound === 'at least' ? '≥' : '≤';
  return of === 'ratio' || unit === '' ? `${sign} ${value}×` : `${sign} ${value} ${unit}`;
}

/** Three digits that mean something, and no more. */
function number(value: number): string {
  if (!Number.isFinite(value)) return '?';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
