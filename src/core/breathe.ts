/**
 * Lets timers, sockets and other tasks run before a long computation continues.
 * Call it at least once every two milliseconds of work.
 */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
