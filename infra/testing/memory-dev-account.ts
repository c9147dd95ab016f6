import type { DevAccount, Presence } from '../commands/dev-account.ts';

/** A dev environment in memory that behaves as ECS and Auto Scaling do, as far as `destroy-dev` can see. */
export class MemoryDevAccount implements DevAccount {
  readonly steps: string[] = [];
  readonly services: Set<string>;
  /** Polls that a task takes to end once it was asked to; `Infinity` = never. */
  stopPolls = 1;
  running: string[];
  readonly #stopping = new Map<string, number>();
  readonly machines: Map<string, number>;
  /** By group: those that hold on to theirs. */
  readonly stuckGroups = new Set<string>();
  table: 'protected' | 'free' | 'not there';
  families: string[];
  /** Tasks that a worker starts on its way out. */
  lateTasks: string[] = [];
  /** Called at each step, to see what else has happened by then. */
  onStep: (step: string) => void = () => {};

  constructor(of: {
    services?: string[];
    running?: string[];
    machines?: Record<string, number>;
    table?: MemoryDevAccount['table'];
    families?: string[];
  }) {
    this.services = new Set(of.services ?? []);
    this.running = of.running ?? [];
    this.machines = new Map(Object.entries(of.machines ?? {}));
    this.table = of.table ?? 'not there';
    this.families = of.families ?? [];
  }

  async stopService(service: string): Promise<Presence> {
    this.#note(`stop service ${service}`);
    return this.services.has(service) ? 'done' : 'not there';
  }

  async tasks() {
    for (const [task, polls] of this.#stopping) {
      if (polls <= 0) this.#stopping.delete(task);
      else this.#stopping.set(task, polls - 1);
    }
    const answer = { running: [...this.running], stopping: [...this.#stopping.keys()] };
    this.running.push(...this.lateTasks.splice(0));
    return answer;
  }

  async stopTask(task: string): Promise<void> {
    this.#note(`stop task ${task}`);
    this.running = this.running.filter((other) => other !== task);
    this.#stopping.set(task, this.stopPolls);
  }

  async closeGroup(group: string): Promise<Presence> {
    this.#note(`close group ${group}`);
    return this.machines.has(group) ? 'done' : 'not there';
  }

  async releaseMachines(group: string): Promise<number> {
    this.#note(`release machines ${group}`);
    const left = this.machines.get(group) ?? 0;
    if (!this.stuckGroups.has(group)) this.machines.set(group, 0);
    return left;
  }

  async unprotectTable(table: string): Promise<Presence> {
    this.#note(`unprotect table ${table}`);
    if (this.table === 'not there') return 'not there';
    this.table = 'free';
    return 'done';
  }

  async taskFamilies(): Promise<readonly string[]> {
    return this.families;
  }

  async deleteTaskDefinitions(family: string): Promise<number> {
    this.#note(`delete task definitions ${family}`);
    this.families = this.families.filter((other) => other !== family);
    return 1;
  }

  #note(step: string): void {
    this.steps.push(step);
    this.onStep(step);
  }
}
