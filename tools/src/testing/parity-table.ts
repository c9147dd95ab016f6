/** Which adapter keeps which promise of its port, from the outcomes of the conformance suites. */
import type { TestOutcome } from './run-jest.ts';

type Seen = 'kept' | 'broken';
type Port = { adapters: Set<string>; behaviours: Map<string, Map<string, Seen>> };

export type Parity = {
  lines: readonly string[];
  /** Behaviours × adapters, and how many of these are kept. */
  cells: number;
  kept: number;
};

/** The title of a conformance suite: `Port: adapter`. */
const SUITE = /^([A-Z][A-Za-z]+): ([A-Za-z0-9-]+)$/;
/** A title may be long where it shows a value. */
const BEHAVIOUR_CHARS_MAX = 100;
const MARKS = { kept: '✓', broken: '✗', missing: '–' } as const;

/** A behaviour that one adapter's suite does not have counts as not kept: the suites are the same for all. */
export function parityOf(tests: readonly TestOutcome[]): Parity {
  const ports = portsOf(tests);
  const lines: string[] = [];
  let cells = 0;
  let kept = 0;
  for (const [name, { adapters, behaviours }] of [...ports].sort(([a], [b]) => a.localeCompare(b))) {
    const columns = [...adapters].sort();
    const width = Math.max(...[...behaviours.keys()].map((text) => shortened(text).length));
    if (lines.length > 0) lines.push('');
    lines.push(`${name.padEnd(width + 2)}  ${columns.join('  ')}`);
    for (const [behaviour, seen] of behaviours) {
      const marks = columns.map((adapter) => MARKS[seen.get(adapter) ?? 'missing'].padEnd(adapter.length));
      lines.push(`  ${shortened(behaviour).padEnd(width)}  ${marks.join('  ')}`.trimEnd());
      cells += columns.length;
      kept += columns.filter((adapter) => seen.get(adapter) === 'kept').length;
    }
  }
  return { lines, cells, kept };
}

function portsOf(tests: readonly TestOutcome[]): Map<string, Port> {
  const ports = new Map<string, Port>();
  for (const { ancestorTitles, title, status } of tests) {
    const [, portName, adapter] = SUITE.exec(ancestorTitles[0] ?? '') ?? [];
    if (portName === undefined || adapter === undefined) continue;
    const port = ports.get(portName) ?? { adapters: new Set(), behaviours: new Map() };
    ports.set(portName, port);
    port.adapters.add(adapter);
    const behaviour = [...ancestorTitles.slice(1), title].join(': ');
    const seen = port.behaviours.get(behaviour) ?? new Map<string, Seen>();
    port.behaviours.set(behaviour, seen);
    const broken = status !== 'passed' || seen.get(adapter) === 'broken';
    seen.set(adapter, broken ? 'broken' : 'kept');
  }
  return ports;
}

function shortened(text: string): string {
  return text.length <= BEHAVIOUR_CHARS_MAX ? text : `${text.slice(0, BEHAVIOUR_CHARS_MAX - 1)}…`;
}
