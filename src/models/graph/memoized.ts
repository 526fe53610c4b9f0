/** A function that is asked once for each argument: what a graph needs in several layers, and not in every graph. */
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

/** The same of a function that has no argument. */
export function lazily<V>(make: () => V): () => V {
  const only = memoized<undefined, V>(make);
  return () => only(undefined);
}
