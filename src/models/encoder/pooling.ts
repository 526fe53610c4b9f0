import type { Tape, Value } from '../../ir/index.ts';
import { dataTypeNumber, type TensorOf } from '../../tensor/index.ts';
import { activateHead } from './activate-head.ts';
import type { HeadLayer } from './encoder-config.ts';

/** How the states of a row become one vector. The names are those of sentence-transformers, in the order in which it joins vectors. */
export const poolingModes = ['cls', 'max', 'mean', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken'] as const;

export interface Pooling {
  /**
   * `cls` and `lasttoken` take the state of the first or the last token that the mask counts. `mean` and `max` take the mean or the
   * maximum of all counted tokens. `mean_sqrt_len_tokens` divides their sum by the square root of their number. `weightedmean` weighs
   * each token by its place, counted from 1. The vectors of several modes are joined.
   */
  readonly modes: readonly (typeof poolingModes)[number][];
  /** What is done with the vector then: `normalize` scales it to length 1. */
  readonly steps: readonly (DenseStep | 'normalize')[];
}

/** A layer over the vector: y = activation(W·x + b). */
export interface DenseStep {
  /** f32 [out, in] */
  readonly weight: TensorOf<'float32'>;
  /** f32 [out] */
  readonly bias: TensorOf<'float32'> | undefined;
  readonly activation: HeadLayer['activation'];
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

/** @returns f32 [batch, hidden], or as wide as the steps make it */
export function pool(tape: Tape, states: States, { modes, steps }: Pooling): Value {
  const vectors = modes.map((mode) => pooled(tape, states, mode));
  const [only = states.hidden] = vectors;
  const joined = vectors.length === 1 ? only : tape.op('Concat', vectors, { attributes: { axis: 1 } });
  return steps.reduce(
    (vector, step) => (step === 'normalize' ? normalized(tape, vector) : dense(tape, vector, step)),
    joined,
  );
}

function normalized(tape: Tape, vector: Value): Value {
  const squares = sumOver(tape, tape.op('Mul', [vector, vector]), { keep: true });
  return tape.op('Div', [vector, tape.op('Max', [tape.op('Sqrt', [squares]), tape.scalar(leastLength)])]);
}

function dense(tape: Tape, vector: Value, { weight, bias, activation }: DenseStep): Value {
  const constants = [weight, ...(bias ? [bias] : [])].map((tensor) => tape.constant(tensor));
  return activateHead(tape, tape.op('Gemm', [vector, ...constants], { attributes: { transB: 1 } }), activation);
}

function pooled(tape: Tape, { hidden, attentionMask }: States, mode: Pooling['modes'][number]): Value {
  if (mode === 'cls' || mode === 'lasttoken') return oneToken(tape, { hidden, attentionMask }, mode === 'lasttoken');
  const counts = tape.op('Unsqueeze', [attentionMask, tape.int64s([2])]);
  if (mode === 'max') {
    const hides = tape.op('Equal', [counts, tape.int64(0)]);
    const kept = tape.op('Where', [hides, tape.scalar(lowest), hidden]);
    return tape.op('ReduceMax', [kept, tape.int64s([1])], { attributes: { keepdims: 0 } });
  }
  const mask = mode === 'weightedmean' ? placesOf(tape, { hidden, attentionMask }) : toFloat(tape, counts);
  const count = tape.op('Max', [sumOver(tape, mask), tape.scalar(leastCount)]);
  const sum = sumOver(tape, tape.op('Mul', [hidden, mask]));
  return tape.op('Div', [sum, mode === 'mean_sqrt_len_tokens' ? tape.op('Sqrt', [count]) : count]);
}

/** The place of each counted token, from 1, and 0 elsewhere: f32 [batch, seq, 1]. */
function placesOf(tape: Tape, { attentionMask }: States): Value {
  const seq = tape.op('Squeeze', [tape.op('Shape', [attentionMask], { attributes: { start: 1 } })]);
  const places = tape.op('Range', [tape.int64(1), tape.op('Add', [seq, tape.int64(1)]), tape.int64(1)]);
  return toFloat(tape, tape.op('Unsqueeze', [tape.op('Mul', [attentionMask, places]), tape.int64s([2])]));
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
