export type Presence = 'done' | 'not there';

/** What `destroy-dev` does to the account besides Terraform. Everything tolerates that its object is not there. */
export interface DevAccount {
  /** Asks the service for no tasks. */
  stopService(service: string): Promise<Presence>;
  /** All tasks of the cluster that have not ended. */
  tasks(): Promise<{ running: readonly string[]; stopping: readonly string[] }>;
  stopTask(taskArn: string): Promise<void>;
  /** No machines from now on. */
  closeGroup(group: string): Promise<Presence>;
  /** Lets the group end the machines that it still has; resolves with how many these are. */
  releaseMachines(group: string): Promise<number>;
  /** So that it can be deleted. */
  unprotectTable(table: string): Promise<Presence>;
  /** Every family that begins so, whatever its state. */
  taskFamilies(prefix: string): Promise<readonly string[]>;
  /** Deregisters and deletes all revisions of the family; resolves with how many. */
  deleteTaskDefinitions(family: string): Promise<number>;
}
