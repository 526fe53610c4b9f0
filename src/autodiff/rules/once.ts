/** A thunk that builds its value at the first call only, for a value that several gradients use. */
export function once<T extends object>(build: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= build());
}
