/**
 * A stager for tests of the Docker runner: `shell-stager.ts --plans FOLDER stage-in|stage-out --work FOLDER`.
 * Stage-in hands the plan's shell script to the container, stage-out stores a report. It needs nothing but Node, so
 * that starting it costs little, and writes each of its runs to a diary that the tests count.
 */
import { appendFileSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

export type StagePlan = 'works' | 'crashes' | 'crashes_once' | 'hangs' | 'refuses' | 'lies';
export type AttemptPlan = { script: string; stageIn: StagePlan; stageOut: StagePlan };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { plans: { type: 'string' }, work: { type: 'string' } },
});

function writeWhole(path: string, text: string, how: 'first_wins' | 'last_wins'): void {
  mkdirSync(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}`;
  writeFileSync(part, text);
  if (how === 'last_wins') return renameSync(part, path);
  try {
    linkSync(part, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  rmSync(part);
}

function main(plans: string, work: string, stage: string): number {
  const task = JSON.parse(readFileSync(join(work, 'task.json'), 'utf8')) as { job_id: string; epoch: number };
  const plan = JSON.parse(readFileSync(join(plans, `${task.job_id}.json`), 'utf8')) as AttemptPlan;
  const diary = join(plans, `${task.job_id}.${stage}`);
  appendFileSync(diary, '+');
  const behaviour = stage === 'stage-in' ? plan.stageIn : plan.stageOut;
  if (behaviour === 'crashes' || (behaviour === 'crashes_once' && readFileSync(diary, 'utf8') === '+')) return 1;
  if (behaviour === 'lies') return 0;
  if (behaviour === 'hangs') {
    setInterval(() => undefined, 1_000);
    return 0;
  }
  if (stage === 'stage-in') {
    writeFileSync(join(work, 'inputs', 'run.sh'), plan.script);
    const refusal = { result: 'failed', code: 'platform_error', detail: 'as_planned' };
    const verdict = behaviour === 'refuses' ? refusal : { result: 'ready' };
    writeWhole(join(work, 'stage-in.json'), JSON.stringify(verdict), 'last_wins');
    return 0;
  }
  const end = JSON.parse(readFileSync(join(work, 'model-end.json'), 'utf8')) as { exit_code: number | null };
  const { job_id, epoch } = task;
  const failure = { result: 'failed', code: 'model_error', detail: 'as_planned', exit_code: end.exit_code };
  const report = { schema_version: 1, job_id, epoch, ...failure };
  // The layout of the contract's `reportKey` below the root that the FsObjectStore of the test has.
  const path = join(plans, 'objects', 'jobs', task.job_id, 'attempts', String(task.epoch), 'report.json');
  writeWhole(path, JSON.stringify(report), 'first_wins');
  return 0;
}

const stage = positionals[0];
const { plans, work } = values;
if (plans === undefined || work === undefined || stage === undefined)
  throw new Error('usage: see the head of this file');
process.exitCode = main(plans, work, stage);
