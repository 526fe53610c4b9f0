/** Masks as numbers that are added to attention scores: 0 if a query sees a key, the lowest number if it does not. */
import type { Tape, Value } from '../../ir/index.ts';
import { add, scalar, sub } from '../emit.ts';
import { dimScalar } from './dimensions.ts';

/** WHY not minus infinity: a row that sees no key would be NaN. */
const lowestOf: Readonly<Record<string, number>> = {
  float16: -65504,
  float32: -3.4028234663852886e38,
  bfloat16: -3.3895313892515355e38,
  float64: -1.7976931348623157e308,
};

/** The lowest number of a type of floats. */
export function lowest({ dtype = 'float32' }: Value): number {
  return lowestOf[dtype] ?? -65504;
}

export interface CausalMask {
  /** [batch, heads, tokens, headDim] */
  readonly query: Value;
  /** [batch, kvHeads, keys, headDim] */
  readonly key: Value;
  /** i64 []: how many keys come before the first query. */
  readonly offset: Value | undefined;
  /** How many keys a query sees at most, its own position included; all where not given. */
  readonly window?: number | undefined;
  /** What is added where a query sees a key, broadcast to [batch, heads, tokens, keys]; 0 where not given. */
  readonly shown?: Value | undefined;
}

/** Query i sees the keys up to i + offset, and with a window only the last `window` of those. [tokens, keys] */
export function causalMask(tape: Tape, { query, key, offset, window, shown }: CausalMask): Value {
  const tokens = range(tape, dimScalar(tape, query, 2));
  const columns = range(tape, dimScalar(tape, key, 2));
  const positions = tape.op('Unsqueeze', [offset ? add(tape, tokens, offset) : tokens, tape.int64s([1])]);
  const past = tape.op('LessOrEqual', [columns, positions]);
  if (window === undefined) return maskWhere(tape, past, { like: query, shown });
  const near = tape.op('Greater', [columns, sub(tape, positions, tape.int64(window))]);
  return maskWhere(tape, tape.op('And', [past, near]), { like: query, shown });
}

/** `shown` (0 where it is not given) where the condition holds, else the lowest number of the type of `like`. */
export function maskWhere(
  tape: Tape,
  condition: Value,
  { like, shown = scalar(tape, 0, like) }: { readonly like: Value; readonly shown?: Value | undefined },
): Value {
  return tape.op('Where', [condition, shown, scalar(tape, lowest(like), like)]);
}

/** i64 [count]: 0, 1, 2, … */
export function range(tape: Tape, count: Value): Value {
  return tape.op('Range', [tape.int64(0), count, tape.int64(1)]);
}
