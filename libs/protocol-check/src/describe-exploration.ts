import type { Exploration } from './explore.ts';

/** One line of numbers; after a violation the way to it, one move a line. */
export function describeExploration({ name, states, depth, seconds, programPoints, violation }: Exploration): string {
  const numbers = `${name}: ${states} states, depth ${depth}, ${programPoints} program points, ${seconds.toFixed(1)} s`;
  if (violation === null) return numbers;
  return [
    `${numbers}, BROKEN (${violation.invariant}): ${violation.what}`,
    ...violation.trace.map((line) => `  ${line}`),
  ].join('\n');
}
