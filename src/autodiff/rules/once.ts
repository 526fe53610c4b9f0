import type { GradientThunk } from '../gradient-rule.ts';

/** A thunk that builds its value the first time only: for a part that several gradients share. */
export function once(build: GradientThunk): GradientThunk {
  let value: ReturnType<GradientThunk> | undefined;
  return () => (value ??= build());
}
