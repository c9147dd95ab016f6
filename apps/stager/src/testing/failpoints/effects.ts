/**
 * Every side effect of the platform, as `withFailpoints` names it, by what it is part of. Each has a point before and one
 * after it. A new side effect, and one that no story comes to any more, makes the test fail until it stands here, or not.
 */
export const EFFECTS = {
  submit: [
    'submit/objects.put(input/input.npz)',
    'submit/objects.put(input/job.json)',
    'submit/store.create',
    'submit/queue.send',
    'submit/objects.deletePrefix',
  ],
  dispatch: ['dispatch/queue.receive', 'dispatch/queue.ack', 'dispatch/queue.release'],
  advance: [
    'advance/store.save(claimed)',
    'advance/runner.launch',
    'advance/store.save(taskSeen)',
    'advance/store.save(dispatchFailed)',
    'advance/store.save(started)',
    'advance/store.save(taskMissing)',
    'advance/store.save(intended)',
    'advance/runner.stop(ask)',
    'advance/runner.stop(force)',
    'advance/store.save(retried)',
    'advance/queue.send',
    'advance/store.save(failed)',
    'advance/store.save(published)',
  ],
  'stage-out': [
    'stage-out/objects.put(attempts/N/output/pred_mask.npz)',
    'stage-out/objects.put(attempts/N/output/pred_mask.nii.gz)',
    'stage-out/objects.put(attempts/N/output/preview.png)',
    'stage-out/objects.put(attempts/N/output/metadata.json)',
    'stage-out/objects.put(attempts/N/logs.txt)',
    'stage-out/objects.put(attempts/N/report.json)',
  ],
  project: [
    'advance/objects.copy(output/pred_mask.npz)',
    'advance/objects.copy(output/pred_mask.nii.gz)',
    'advance/objects.copy(output/preview.png)',
    'advance/objects.copy(metadata.json)',
    'advance/store.save(projected)',
  ],
  sweep: [
    'sweep/queue.send',
    'sweep/runner.stop(ask)',
    'sweep/runner.stop(force)',
    'sweep/runner.remove',
    'sweep/store.save(leftoversRemoved)',
  ],
  cancel: ['cancel/store.save(cancelRequested)', 'cancel/queue.send'],
  delete: [
    'delete/store.save(deleteRequested)',
    'delete/queue.send',
    'advance/objects.deletePrefix',
    'advance/store.save(erased)',
    'advance/store.save(deleted)',
  ],
  clean: ['clean/objects.deletePrefix', 'clean/runner.remove'],
} as const satisfies Record<string, readonly string[]>;
