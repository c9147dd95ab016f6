/**
 * What the tasks rely on and cannot set themselves: for the infrastructure, whose tests compare with it. Sources: "Amazon
 * ECS container agent configuration", "CreateCapacityProvider" and "RunTask" in AWS's documentation. Nothing here was
 * tried on AWS.
 */
export const REQUIRED_SETTINGS = {
  capacityProvider: {
    /**
     * It holds an instance that we terminate until its tasks are gone, and ECS drains no task that no service owns: a
     * task that ignores its stop would keep its machine for as long as the hook waits.
     */
    managedDraining: 'DISABLED',
  },
  /** A wake-up is received once in a while as long as its job waits for a slot; SQS allows no more. */
  jobQueue: { maxReceiveCount: 1_000 },
  agent: {
    /** The task's volumes hold a patient's data until this clean-up. By default three hours; a minute is the least. */
    ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION: '1m',
    /** The model's image is pulled while stage-in fetches the input. */
    ECS_PULL_DEPENDENT_CONTAINERS_UPFRONT: 'true',
    /** For each whole task: what a model.json asks for exactly (`resources.pids`) no container definition can say. */
    ECS_TASK_PIDS_LIMIT: '1024',
    /** RunTask's `dockerSecurityOptions` need an agent that says it can; which of the two depends on the image. */
    ECS_APPARMOR_CAPABLE: 'true',
    ECS_SELINUX_CAPABLE: 'true',
  },
  /** What launching needs beside the adapter's own operations: its tags, and the right to hand on both roles. */
  launchActions: ['ecs:TagResource', 'iam:PassRole'],
} as const;
