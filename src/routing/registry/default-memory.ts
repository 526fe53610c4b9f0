/** Enough for a few adapters on any machine. */
export const leastAdapterMemory = 256 * 2 ** 20;

/**
 * A quarter of the memory that this process can still allocate, within the limit of its container. Keys and values, the base and its
 * runs need the rest.
 */
export function defaultMemory(): number {
  return Math.max(leastAdapterMemory, Math.floor(process.availableMemory() / 4));
}
