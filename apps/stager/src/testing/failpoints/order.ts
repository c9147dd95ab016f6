/** What the test and its child tell each other. */
export type Mode = 'kill' | 'throw' | 'stall';
export type Failpoint = { point: string; mode: Mode };

export type Order = {
  folder: string;
  inputPath: string;
  story: string;
  /** When the child's time begins, milliseconds since 1970. */
  nowMs: number;
  fail: Failpoint | null;
};

export type Line =
  | { kind: 'hit'; nowMs: number }
  /** Something failed that no failpoint made fail. */
  | { kind: 'failure'; operation: string; message: string }
  /** `points` in the order of their visits. */
  | { kind: 'end'; nowMs: number; points: string[] };
