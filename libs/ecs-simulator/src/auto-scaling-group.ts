import { newEc2Id, newEcsId, type Arns } from './arns.ts';
import { freeRoom, minus, missing, roomOf, type Instance } from './instance.ts';
import type { AutoScalingGroupSettings, Settings } from './settings.ts';
import type { StopCode } from './task.ts';
import type { TaskLife } from './task-life.ts';
import type { Timers } from './timers.ts';

/**
 * Instances of one size, from none to `max`. ECS and EC2 share the work in AWS; here one class starts an instance for
 * tasks that wait, places them, and ends an instance that has been idle.
 */
export class AutoScalingGroup {
  readonly settings: AutoScalingGroupSettings;
  readonly clusterName: string;
  readonly instances = new Map<string, Instance>();
  /** The capacity provider that shows in tasks and instances. */
  capacityProviderName: string | null = null;
  readonly #all: Settings;
  readonly #arns: Arns;
  readonly #timers: Timers;
  readonly #waiting = new Map<TaskLife, () => void>();
  readonly #shrinking = new Map<Instance, () => void>();
  #noCapacity = false;

  constructor(settings: AutoScalingGroupSettings, all: Settings, arns: Arns, timers: Timers) {
    this.settings = settings;
    this.clusterName = all.clusterName;
    this.#all = all;
    this.#arns = arns;
    this.#timers = timers;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** The task waits in PROVISIONING for an instance with room. */
  provision(life: TaskLife): void {
    const timeOut = this.#timers.after(this.#all.provisioningTimeoutMs, () => {
      const reason = this.#obstacle(life);
      this.#waiting.delete(life);
      life.stop('TaskFailedToStart', reason);
    });
    this.#waiting.set(life, timeOut);
    this.#timers.after(this.#all.transitionMs, () => this.settle());
  }

  /** Places the task on an instance that is there, or says what is missing. */
  placeNow(life: TaskLife): string | null {
    const instance = this.#withRoom(life);
    if (instance === null) return this.#obstacle(life);
    this.#place(life, instance);
    return null;
  }

  /** What a task that needs this much would be told now; null when there is room. */
  obstacleTo(need: TaskLife['task']['need']): string | null {
    const serving = this.#serving();
    if (serving.length === 0) return 'EMPTY CAPACITY PROVIDER';
    const lacks = serving.map((instance) => missing(freeRoom(instance), need));
    return lacks.includes(null) ? null : (lacks[0] ?? null);
  }

  /** The task stopped or was stopped while it waited. */
  released(life: TaskLife): void {
    this.#waiting.get(life)?.();
    this.#waiting.delete(life);
    for (const instance of this.instances.values()) {
      if (!instance.lives.delete(life)) continue;
      instance.version += 1;
    }
    this.settle();
  }

  /** While on, no instance is started; those that are starting go on. */
  noCapacity(on: boolean): void {
    this.#noCapacity = on;
    this.settle();
  }

  /** The instance ends now, with everything on it. */
  terminate(instance: Instance, stopCode: StopCode): void {
    if (!this.instances.delete(instance.id)) return;
    this.#shrinking.get(instance)?.();
    this.#shrinking.delete(instance);
    const lives = [...instance.lives];
    instance.lives.clear();
    for (const life of lives) life.hostLost(stopCode, `Host EC2 (instance ${instance.id}) terminated.`);
    this.settle();
  }

  /** Places what waits, starts instances for the rest and lets idle ones end. Safe to call at any time. */
  settle(): void {
    for (const life of this.#wanted()) {
      const instance = this.#withRoom(life);
      if (instance === null) continue;
      this.#waiting.get(life)?.();
      this.#waiting.delete(life);
      this.#place(life, instance);
    }
    this.#startInstances();
    for (const instance of this.instances.values()) this.#shrinkWhenIdle(instance);
  }

  #place(life: TaskLife, instance: Instance): void {
    instance.lives.add(life);
    instance.version += 1;
    this.#shrinkWhenIdle(instance);
    life.place(instance.containerInstanceArn);
  }

  /** A task that is stopped while it waits needs nothing any more. */
  #wanted(): TaskLife[] {
    return [...this.#waiting.keys()].filter(({ task }) => task.desiredStatus === 'RUNNING');
  }

  #serving(): Instance[] {
    return [...this.instances.values()].filter(
      ({ lifecycle, status }) => lifecycle === 'InService' && status === 'ACTIVE',
    );
  }

  #withRoom({ task }: TaskLife): Instance | null {
    // An instance joins one cluster; a provider may be named by another one, whose tasks then wait in vain, as in AWS.
    if (!task.clusterArn.endsWith(`/${this.clusterName}`)) return null;
    return this.#serving().find((instance) => missing(freeRoom(instance), task.need) === null) ?? null;
  }

  #obstacle({ task }: TaskLife): string {
    return this.obstacleTo(task.need) ?? 'EMPTY CAPACITY PROVIDER';
  }

  /** Enough instances for what waits, packed in order. A task that fits no empty instance starts none, as in ECS. */
  #startInstances(): void {
    const planned = [...this.instances.values()]
      .filter(({ lifecycle }) => lifecycle === 'Pending')
      .map(({ group }) => roomOf(group));
    for (const { task } of this.#wanted()) {
      if (missing(roomOf(this.settings), task.need) !== null) continue;
      let at = planned.findIndex((room) => missing(room, task.need) === null);
      if (at === -1) {
        if (this.#noCapacity || this.instances.size >= this.settings.max) continue;
        this.#start();
        at = planned.push(roomOf(this.settings)) - 1;
      }
      const room = planned[at];
      if (room !== undefined) planned[at] = minus(room, task.need);
    }
  }

  #start(): void {
    const instance: Instance = {
      id: newEc2Id(),
      containerInstanceArn: this.#arns.containerInstance(this.clusterName, newEcsId()),
      group: this.settings,
      capacityProviderName: this.capacityProviderName,
      lives: new Set(),
      lifecycle: 'Pending',
      status: 'ACTIVE',
      registeredAt: null,
      version: 1,
    };
    this.instances.set(instance.id, instance);
    this.#timers.after(this.settings.coldStartMs, () => {
      if (!this.instances.has(instance.id) || instance.lifecycle !== 'Pending') return;
      instance.lifecycle = 'InService';
      instance.registeredAt = new Date(this.#all.nowMs());
      this.settle();
    });
  }

  #shrinkWhenIdle(instance: Instance): void {
    const idle = instance.lifecycle === 'InService' && instance.lives.size === 0;
    const takeBack = this.#shrinking.get(instance);
    if (!idle) {
      takeBack?.();
      this.#shrinking.delete(instance);
    } else if (takeBack === undefined) {
      const shrink = () => {
        this.#shrinking.delete(instance);
        this.terminate(instance, 'TerminationNotice');
      };
      this.#shrinking.set(instance, this.#timers.after(this.settings.idleShrinkMs, shrink));
    }
  }
}
