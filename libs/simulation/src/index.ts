export { INVARIANTS, Violation, type Invariant } from './invariants.ts';
export { simulate, type Outcome, type Plan } from './simulate.ts';
