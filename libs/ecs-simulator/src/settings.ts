import type { ContainerEngine } from './container-engine.ts';
import type { EventFilter, EventSink } from './events/event.ts';
import type { FaultPlan } from './fault-plan.ts';

/** A simulated EC2 Auto Scaling group: instances of one size that start on demand and end when idle. */
export type AutoScalingGroupSettings = {
  /** Last part of the group's ARN. */
  name: string;
  /** A capacity provider of this name is made at the start and belongs to the first cluster. */
  capacityProvider?: string;
  max: number;
  /** From the decision to start an instance until it takes tasks. */
  coldStartMs: number;
  gpusPerInstance: number;
  memoryMiB: number;
  /** 1,024 = one vCPU. */
  cpuUnits: number;
  spot: boolean;
  /** An instance without tasks ends after this time. */
  idleShrinkMs: number;
};

export type SimulatorSettings = {
  engine: ContainerEngine;
  autoScalingGroups: readonly AutoScalingGroupSettings[];
  /** The cluster that exists from the start. */
  clusterName?: string;
  region?: string;
  account?: string;
  /** 0 = any free port of the loopback address. */
  port?: number;
  /** Where task state changes and Spot warnings go; without one nobody hears of them. */
  eventSink?: EventSink;
  /** Only these events are sent, as an EventBridge rule would choose. Default: all. */
  eventFilter?: EventFilter;
  faults?: FaultPlan;
  /** A task that waits longer for an instance stops with TaskFailedToStart. */
  provisioningTimeoutMs?: number;
  /** More tasks may not wait in PROVISIONING at a time. */
  provisioningTasksMax?: number;
  /** A stopped task is MISSING after this time. */
  stoppedTaskTtlMs?: number;
  /** Pause between two task states. */
  transitionMs?: number;
  /** SIGTERM to SIGKILL, for containers without `stopTimeout`. */
  stopTimeoutMs?: number;
  /** From the termination of an instance by an API until it is gone. */
  terminationMs?: number;
  /** Milliseconds since 1970; decides about lives of tokens and tasks and the times shown, not about timers. */
  nowMs?: () => number;
};

export type Settings = Required<Omit<SimulatorSettings, 'eventSink' | 'faults'>> & {
  eventSink: EventSink | null;
  faults: FaultPlan | null;
};

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** What ECS does where that is known; the pauses are short because nobody wants to wait in a test. */
const DEFAULTS = {
  clusterName: 'simulated',
  region: 'us-east-1',
  account: '000000000000',
  port: 0,
  eventSink: null,
  faults: null,
  eventFilter: () => true,
  provisioningTimeoutMs: 15 * MINUTE_MS,
  provisioningTasksMax: 500,
  stoppedTaskTtlMs: 60 * MINUTE_MS,
  transitionMs: 1,
  stopTimeoutMs: 30 * SECOND_MS,
  terminationMs: 0,
  nowMs: () => Date.now(),
};

export function withDefaults(settings: SimulatorSettings): Settings {
  const names = settings.autoScalingGroups.map(({ name }) => name);
  if (new Set(names).size !== names.length)
    throw new Error('two Auto Scaling groups have the same name: rename one of them');
  return { ...DEFAULTS, ...settings };
}
