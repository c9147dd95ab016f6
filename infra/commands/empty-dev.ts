import { setTimeout as pause } from 'node:timers/promises';
import { CommandError } from './command-error.ts';
import type { DevAccount } from './dev-account.ts';

/** Names of the dev environment: what its stack's context makes of the parts. */
export const DEV = {
  prefix: 'bpi-dev-',
  cluster: 'bpi-dev-cluster',
  /** The worker first: it would start tasks again. */
  services: ['bpi-dev-worker', 'bpi-dev-api'],
  groups: ['bpi-dev-gpu-spot', 'bpi-dev-gpu-on-demand'],
  table: 'bpi-dev-jobs',
} as const;

export type Patience = {
  pollMs: number;
  /** For tasks: a container gets its time to stop, the next one too, and then the agent has to say so. */
  tasksMs: number;
  /** For machines: each is drained, ended, and taken off its group. */
  machinesMs: number;
};

export const PATIENCE: Patience = { pollMs: 5_000, tasksMs: 5 * 60_000, machinesMs: 15 * 60_000 };

type Emptying = { account: DevAccount; say: (line: string) => void; patience: Patience; signal: AbortSignal };

/**
 * Makes the environment idle, so that Terraform can take it away: running tasks and protected machines keep it from
 * doing so. Each step may be repeated, also after it was cut off.
 */
export async function emptyDev(emptying: Emptying): Promise<void> {
  const { account, say, signal } = emptying;
  for (const service of DEV.services) {
    signal.throwIfAborted();
    say(`service ${service} asked for no tasks: ${await account.stopService(service)}`);
  }
  await stopAllTasks(emptying);
  for (const group of DEV.groups) {
    signal.throwIfAborted();
    say(`group ${group} closed: ${await account.closeGroup(group)}`);
  }
  await releaseAllMachines(emptying);
  say(`table ${DEV.table} no longer protected: ${await account.unprotectTable(DEV.table)}`);
}

/** They outlive the stack, because a job must keep the one that it was started from. */
export async function deleteDevTaskDefinitions({ account, say, signal }: Omit<Emptying, 'patience'>): Promise<void> {
  for (const family of await account.taskFamilies(DEV.prefix)) {
    signal.throwIfAborted();
    // Whatever the answer holds: what is not this environment's is not touched.
    if (!family.startsWith(DEV.prefix)) continue;
    say(`task definitions ${family}: ${await account.deleteTaskDefinitions(family)} deleted`);
  }
}

/** Asks anew each time: a worker on its way out may have started one more. */
function stopAllTasks(emptying: Emptying): Promise<void> {
  const { account, say, patience } = emptying;
  const asked = new Set<string>();
  return until(emptying, patience.tasksMs, async () => {
    const { running, stopping } = await account.tasks();
    const left = running.length + stopping.length;
    say(`tasks left in ${DEV.cluster}: ${left}`);
    for (const task of running.filter((arn) => !asked.has(arn))) {
      await account.stopTask(task);
      asked.add(task);
    }
    return left === 0 ? null : `tasks in ${DEV.cluster} (${left})`;
  });
}

/** While the capacity providers are there: without them nothing lets a drained machine go. */
function releaseAllMachines(emptying: Emptying): Promise<void> {
  const { account, say, patience } = emptying;
  return until(emptying, patience.machinesMs, async () => {
    let left = 0;
    for (const group of DEV.groups) left += await account.releaseMachines(group);
    say(`machines left: ${left}`);
    return left === 0 ? null : `machines in ${DEV.groups.join(' and ')} (${left})`;
  });
}

/** @param look null when it is over, else what is still the case */
async function until(
  { patience, signal }: Emptying,
  timeMs: number,
  look: () => Promise<string | null>,
): Promise<void> {
  const deadlineMs = performance.now() + timeMs;
  for (;;) {
    signal.throwIfAborted();
    const rest = await look();
    if (rest === null) return;
    if (performance.now() >= deadlineMs) {
      const minutes = Math.ceil(timeMs / 60_000);
      throw new CommandError(
        `After ${minutes} min there are still ${rest}: see why in the AWS console, then run this again.`,
      );
    }
    await pause(patience.pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
