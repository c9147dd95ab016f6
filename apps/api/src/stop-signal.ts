/** Resolves when this process is told to end. */
export async function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((settle) => {
    process.once('SIGTERM', settle);
    process.once('SIGINT', settle);
  });
}
