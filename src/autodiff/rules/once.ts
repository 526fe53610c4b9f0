import type { GradientThunk } from '../gradient-rule.ts';

/** A thunk that builds its value at the first call only, for a value that several gradients use. */
export function once(build: GradientThunk): GradientThunk {
  let value: ReturnType<GradientThunk> | undefined;
  return () => (value ??= build());
}
