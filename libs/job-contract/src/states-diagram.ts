import { isTerminal, PHASES, TRANSITIONS } from './states.ts';

/** TRANSITIONS as the text of a mermaid state diagram; the README's is this, and a test compares the two. */
export function mermaidOfTransitions(): string {
  const lines = ['stateDiagram-v2', '  [*] --> queued: accept'];
  for (const { from, to, by, slot } of TRANSITIONS) {
    lines.push(`  ${from} --> ${to}: ${slot === 'keep' ? by : `${by} (${slot} slot)`}`);
  }
  for (const phase of PHASES) if (isTerminal(phase)) lines.push(`  ${phase} --> [*]`);
  return lines.join('\n');
}
