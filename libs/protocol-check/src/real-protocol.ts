import {
  advance,
  cancelJob,
  deleteJob,
  removeForgottenInputs,
  removeLeftovers,
  stopOrphans,
  sweepJob,
} from '@bpi/jobs';
import type { Protocol } from './model.ts';
import { saveInto } from './store.ts';
import { NOW_MS } from './record-time.ts';

/** The code that the worker and the API run, as it is. */
export const REAL: Protocol = {
  programs: {
    advance,
    sweepJob: (context, job) => sweepJob(context, job, new Map(), { jobs: 0, woken: 0, orphans: 0, oldestQueuedMs: 0 }),
    removeLeftovers,
    stopOrphans,
    cancelJob: (context, jobId) => cancelJob(context, { jobId, clientId: 'client', nowMs: NOW_MS }),
    deleteJob: (context, jobId) => deleteJob(context, { jobId, clientId: 'client', nowMs: NOW_MS }),
    clean: async (context) => {
      for await (const _ of removeForgottenInputs(context));
    },
  },
  rules: null,
  policy: {},
  save: saveInto,
  blindSaves: false,
  keepsOldReports: false,
};
