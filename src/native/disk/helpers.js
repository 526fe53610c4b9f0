// @ts-check
/** @param {unknown} error @returns {string} */
export function codeOf(error) {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** @template T @param {() => T} call @returns {T | undefined} undefined where it fails */
export function tried(call) {
  try {
    return call();
  } catch {
    return undefined;
  }
}
