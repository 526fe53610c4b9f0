/** Masks as numbers to add to attention scores: 0 if the query attends to the key, the lowest finite number if it does not. */
import type { Tape, Value } from '../../ir/index.ts';
import { add, scalar, sub } from '../emit.ts';
import { dimScalar } from './dimensions.ts';

/** WHY not minus infinity: the softmax of a row in which every key is masked would be NaN. */
const lowestOf: Readonly<Record<string, number>> = {
  float16: -65504,
  float32: -3.4028234663852886e38,
  bfloat16: -3.3895313892515355e38,
  float64: -1.7976931348623157e308,
};

/** The lowest finite number of a float type. */
export function lowest({ dtype = 'float32' }: Value): number {
  return lowestOf[dtype] ?? -65504;
}

export interface CausalMask {
  /** [batch, heads, tokens, headDim] */
  readonly query: Value;
  /** [batch, kvHeads, keys, headDim] */
  readonly key: Value;
  /** i64 []: the number of past keys, which come before the key of the first query. */
  readonly offset: Value | undefined;
  /** Sliding window: the number of keys to which a query attends, including its own position. Default: all. */
  readonly window?: number | undefined;
  /** The bias where a query attends to a key, broadcast to [batch, heads, tokens, keys]. Default: 0. */
  readonly shown?: Value | undefined;
}

/** Query i attends to the keys up to i + offset; with a window, only to the last `window` of them. @returns [tokens, keys] */
export function causalMask(tape: Tape, { query, key, offset, window, shown }: CausalMask): Value {
  const tokens = range(tape, dimScalar(tape, query, 2));
  const columns = range(tape, dimScalar(tape, key, 2));
  const positions = tape.op('Unsqueeze', [offset ? add(tape, tokens, offset) : tokens, tape.int64s([1])]);
  const past = tape.op('LessOrEqual', [columns, positions]);
  if (window === undefined) return maskWhere(tape, past, { like: query, shown });
  const near = tape.op('Greater', [columns, sub(tape, positions, tape.int64(window))]);
  return maskWhere(tape, tape.op('And', [past, near]), { like: query, shown });
}

/** `shown` (default: 0) where the condition is true, otherwise the lowest finite number of the type of `like`. */
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
