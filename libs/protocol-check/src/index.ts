export { oneJob, TINY_POLICY, type Bounds, type Budgets } from './bounds.ts';
export { describeExploration } from './describe-exploration.ts';
export { explore, type Exploration } from './explore.ts';
export type { Protocol } from './model.ts';
export { REAL } from './real-protocol.ts';
export { CI_RUNS, LARGE_RUNS } from './runs.ts';
export { VARIANTS, type Variant } from './variants.ts';
export { INVARIANTS, type Invariant } from './violation.ts';
