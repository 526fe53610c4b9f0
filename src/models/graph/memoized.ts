/** Wraps a function so that it runs once for each argument. It is for values that several layers need, but not every graph. */
export function memoized<K, V>(make: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = make(key);
    known.set(key, made);
    return made;
  };
}

/** The same for a function without an argument. */
export function lazily<V>(make: () => V): () => V {
  const only = memoized<undefined, V>(make);
  return () => only(undefined);
}
