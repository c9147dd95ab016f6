/**
 * Preloaded into the processes of a run (`node --expose-gc --import …`): a SIGUSR2 collects all garbage. Node lets memory
 * grow while there is enough, so that without this a lazy process looks like one that loses memory.
 */
process.on('SIGUSR2', () => {
  globalThis.gc?.();
});
