import { WORK_FILES, WORKSPACE } from '@bpi/job-contract';

/** The containers of a task, by their names in its definition; stage-out finds the model by its name. */
export const TASK_CONTAINERS = { stageIn: 'stage-in', model: 'model', stageOut: 'stage-out' } as const;

const CONTROL = '/workspace/control';
const LOGS = '/workspace/logs';

/**
 * Where things lie inside every container of a task: four volumes that it shares and that go with it. The model sees
 * `inputs` (read-only), `outputs` and `logs`; `control` is between the stages.
 */
export const TASK_FOLDERS = {
  root: WORKSPACE.root,
  inputs: WORKSPACE.inputs,
  outputs: WORKSPACE.outputs,
  logs: LOGS,
  control: CONTROL,
} as const;

/** The files of an attempt (see `WORK_FILES`) at their places in a task. */
export const TASK_FILES = {
  task: `${CONTROL}/${WORK_FILES.task}`,
  stageIn: `${CONTROL}/${WORK_FILES.stageIn}`,
  modelEnd: `${CONTROL}/${WORK_FILES.modelEnd}`,
  logs: `${LOGS}/${WORK_FILES.logs}`,
} as const;

/** The one user of every container: the stager's image owns the folders above as this user. */
export const TASK_USER = { uid: 65_532, gid: 65_532 } as const;
