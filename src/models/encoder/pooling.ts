import type { Tape, Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';

/** How the states of a row become one vector. The names are those of sentence-transformers. */
export const poolingModes = ['cls', 'lasttoken', 'mean', 'max', 'mean_sqrt_len_tokens'] as const;

export interface Pooling {
  /**
   * `cls` and `lasttoken` take the state of the first or the last token that the mask counts. `mean` and `max` take the mean or the
   * maximum of all counted tokens. `mean_sqrt_len_tokens` divides their sum by the square root of their number.
   */
  readonly mode: (typeof poolingModes)[number];
  /** Whether the vector is scaled to length 1. */
  readonly normalize: boolean;
}

/** The lower bounds of divisors. A row of padding alone then gives zeros. The numbers are those of sentence-transformers. */
const [leastCount, leastLength] = [1e-9, 1e-12];
const lowest = -3.4028234663852886e38;

interface States {
  /** f32 [batch, seq, hidden] */
  readonly hidden: Value;
  /** i64 [batch, seq] */
  readonly attentionMask: Value;
}

/** @returns f32 [batch, hidden] */
export function pool(tape: Tape, states: States, { mode, normalize }: Pooling): Value {
  const vector = pooled(tape, states, mode);
  if (!normalize) return vector;
  const squares = sumOver(tape, tape.op('Mul', [vector, vector]), { keep: true });
  return tape.op('Div', [vector, tape.op('Max', [tape.op('Sqrt', [squares]), tape.scalar(leastLength)])]);
}

function pooled(tape: Tape, { hidden, attentionMask }: States, mode: Pooling['mode']): Value {
  if (mode === 'cls' || mode === 'lasttoken') return oneToken(tape, { hidden, attentionMask }, mode === 'lasttoken');
  const counts = tape.op('Unsqueeze', [attentionMask, tape.int64s([2])]);
  if (mode === 'max') {
    const hides = tape.op('Equal', [counts, tape.int64(0)]);
    const kept = tape.op('Where', [hides, tape.scalar(lowest), hidden]);
    return tape.op('ReduceMax', [kept, tape.int64s([1])], { attributes: { keepdims: 0 } });
  }
  const mask = toFloat(tape, counts);
  const count = tape.op('Max', [sumOver(tape, mask), tape.scalar(leastCount)]);
  const sum = sumOver(tape, tape.op('Mul', [hidden, mask]));
  return tape.op('Div', [sum, mode === 'mean' ? count : tape.op('Sqrt', [count])]);
}

/** Picks the state of the first or last counted token: a product with a row that is 1 at this token and 0 elsewhere. */
function oneToken(tape: Tape, { hidden, attentionMask }: States, last: boolean): Value {
  const attributes = { axis: 1, keepdims: 1, select_last_index: last ? 1 : 0 };
  const chosen = tape.op('ArgMax', [attentionMask], { attributes });
  const seq = tape.op('Squeeze', [tape.op('Shape', [attentionMask], { attributes: { start: 1 } })]);
  const positions = tape.op('Range', [tape.int64(0), seq, tape.int64(1)]);
  const row = tape.op('Unsqueeze', [toFloat(tape, tape.op('Equal', [positions, chosen])), tape.int64s([1])]);
  return tape.op('Squeeze', [tape.op('MatMul', [row, hidden]), tape.int64s([1])]);
}

/** Sums over the sequence axis. */
function sumOver(tape: Tape, value: Value, { keep = false } = {}): Value {
  return tape.op('ReduceSum', [value, tape.int64s([1])], { attributes: { keepdims: keep ? 1 : 0 } });
}

function toFloat(tape: Tape, value: Value): Value {
  return tape.op('Cast', [value], { attributes: { to: dataTypeNumber('float32') } });
}
