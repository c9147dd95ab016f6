import type { LaunchResult, Observation } from '@bpi/jobs';
import type { Effect } from './effect.ts';
import { JOB_IDS, STALE, type Model, type Worker } from './model.ts';
import { refOf } from './replies.ts';
import { reportTextOf } from './report-text.ts';
import type { Node, Reply } from './replay.ts';

/**
 * True if a worker whose record is outdated can do nothing any more that anybody notices: whatever it is told from
 * here on, its next call is a save that fails as stale. Such a worker is as good as idle. Asked of the real code, for
 * every reply a runner can give, now, a tick later and after the longest stall.
 */
export async function isHarmless(model: Model, node: Node, ageTicks: number): Promise<boolean> {
  const { effect } = node;
  if (effect === null || effect.call === 'save') return true;
  if (effect.call !== 'inspect' && effect.call !== 'readReport') return false;
  const key = `${node.id}/${ageTicks}`;
  const known = model.harmless.get(key);
  if (known !== undefined) return known;
  const { stallTicksMax, budgets } = model.bounds;
  const later = budgets.stalls > 0 ? [ageTicks, ageTicks + 1, ageTicks + stallTicksMax] : [ageTicks];
  const replies = effect.call === 'inspect' ? inspections(effect) : reports(effect);
  let harmless = true;
  for (const atTick of later) {
    for (const { key: told, reply } of replies) {
      if (!harmless) break;
      const next = await model.replay.after(node, { key: told, reply, atTick, record: null });
      harmless = await isHarmless(model, next, atTick);
    }
  }
  model.harmless.set(key, harmless);
  return harmless;
}

/**
 * An outdated worker that waits for a call with an effect and can do nothing after it: all such workers before the
 * same call are alike, so the first one stands in for them. Null = this one is not such a worker.
 */
export async function standIn(model: Model, node: Node, worker: Worker): Promise<Worker | null> {
  const { effect } = node;
  if (effect === null) return null;
  const told = answersTo(effect);
  if (told === null) return null;
  for (const { key, reply } of told) {
    const next = await model.replay.after(node, { key, reply, atTick: worker.ageTicks, record: null });
    if (!(await isHarmless(model, next, worker.ageTicks))) return null;
  }
  const key = JSON.stringify(effect);
  const first = model.standIns.get(key) ?? node;
  model.standIns.set(key, first);
  return { node: first.id, ageTicks: first.lastTick + worker.ageTicks - node.lastTick, known: STALE };
}

/** To calls with an effect; null = it has none. */
function answersTo(effect: Effect): readonly Told[] | null {
  switch (effect.call) {
    case 'launch':
      return launches(effect);
    case 'show':
      return [true, false].map((value) => ({ key: `show ${value}`, reply: { kind: 'value', value } }));
    case 'stop':
    case 'erase':
      return [{ key: 'done', reply: { kind: 'value', value: undefined } }];
    default:
      return null;
  }
}

function launches(effect: { job: number; epoch: number }): Told[] {
  const answers: LaunchResult[] = [
    { kind: 'launched', ref: refOf(effect) },
    { kind: 'refused', code: 'capacity_unavailable' },
    { kind: 'refused', code: 'model_unavailable' },
    { kind: 'refused', code: 'platform_error' },
  ];
  const told = answers.map((value): Told => ({
    key: `launch${JSON.stringify(value)}`,
    reply: { kind: 'value', value },
  }));
  return [...told, { key: 'launch throws', reply: { kind: 'error' } }];
}

type Told = { key: string; reply: Reply };

function inspections(effect: { job: number; epoch: number }): Told[] {
  const ref = refOf(effect);
  const seen: Observation[] = [
    { state: 'missing' },
    { state: 'pending', ref, waitingFor: 'start' },
    { state: 'running', ref },
    { state: 'stopped', ref, cause: 'exited', exitCode: 0 },
    { state: 'stopped', ref, cause: 'exited', exitCode: 1 },
    { state: 'stopped', ref, cause: 'interrupted', exitCode: null },
    { state: 'stopped', ref, cause: 'unknown', exitCode: null },
    { state: 'stopped', ref, cause: 'stop_requested', exitCode: null },
  ];
  return seen.map((value) => ({ key: `inspect${JSON.stringify(value)}`, reply: { kind: 'value', value } }));
}

function reports({ job, epoch }: { job: number; epoch: number }): Told[] {
  const jobId = JOB_IDS[job];
  if (jobId === undefined) throw new Error('no such job');
  const texts = [null, reportTextOf(jobId, epoch, 'stored'), reportTextOf(jobId, epoch, 'failed')];
  return texts.map((value) => ({ key: `readReport${JSON.stringify(value)}`, reply: { kind: 'value', value } }));
}
