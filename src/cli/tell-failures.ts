/** Tells of adapters that cannot be served. */
export interface FailureNotes extends Disposable {
  /** Tells of those that failed so far, and from now on of each at once. */
  begin(): void;
}

/**
 * Tells of each adapter once, when it fails. WHY not the server's list of failed adapters: it is made when the server is up, and the
 * weights of many adapters are read later.
 */
export function tellFailures(
  onFailure: (listener: (name: string, error: unknown) => void) => Disposable,
  tell: (text: string) => void,
): FailureNotes {
  const early: string[] = [];
  let hasBegun = false;
  const subscription = onFailure((name, error) => {
    const problem = error instanceof Error ? error.message : String(error);
    const text = `The adapter ${name} is not served: ${problem}`;
    if (hasBegun) tell(text);
    else early.push(text);
  });
  return {
    begin() {
      hasBegun = true;
      for (const text of early.splice(0)) tell(text);
    },
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  };
}
