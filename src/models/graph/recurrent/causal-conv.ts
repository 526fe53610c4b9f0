import type { Tape, Value } from '../../../ir/index.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { StateRows } from './state-rows.ts';

/** A causal convolution of each channel with itself: `<path>.weight` [channels, 1, taps], and `<path>.bias` [channels] if it has a bias. */
export interface ConvLayer {
  readonly path: string;
  readonly channels: number;
  /** The number of tokens that an output depends on, itself included. */
  readonly taps: number;
  readonly bias: boolean;
}

/**
 * Mixes each channel over the last tokens of its row.
 *
 *   yₜ = b + Σⱼ wⱼ ∘ x₍ₜ₋ₜₐₚₛ₊₁₊ⱼ₎, j = 0 … taps − 1, where x is 0 before the row
 *
 * The state of a row is its last taps − 1 inputs, the oldest first: f32 [taps − 1, channels].
 *
 * WHY shifted copies and no Conv: the channels lie innermost, so that nothing is transposed, and ONNX Runtime computes a Conv with one
 * group for each channel by one small product after the other.
 *
 * @param x  f32 [batch, seq, channels]
 * @returns f32 [batch, seq, channels]
 */
export function causalConv(
  builder: GraphBuilder,
  x: Value,
  { layer, rows }: { readonly layer: ConvLayer; readonly rows: StateRows },
): Value {
  const { path, channels, taps, bias } = layer;
  const tape = builder.tape(path);
  const weight = builder.weight(`${path}.weight`);
  const tap = (index: number): Value => {
    const column = tape.op('Gather', [weight, tape.int64(index)], { attributes: { axis: 2 } });
    return tape.op('Reshape', [column, tape.int64s([channels])], { shape: [channels] });
  };
  const longer = taps === 1 ? x : withPast(tape, x, { layer, rows });
  const parts = Array.from({ length: taps }, (_, index) =>
    tape.op('Mul', [cropped(tape, longer, { before: index, after: taps - 1 - index, channels }), tap(index)]),
  );
  const terms = [...parts, ...(bias ? [builder.weight(`${path}.bias`)] : [])];
  return terms.reduce((sum, term) => tape.op('Add', [sum, term]));
}

/** Puts the last inputs of each row before the new ones, and keeps the last inputs of both: f32 [batch, seq + taps − 1, channels]. */
function withPast(
  tape: Tape,
  x: Value,
  { layer: { channels, taps }, rows }: { readonly layer: ConvLayer; readonly rows: StateRows },
): Value {
  const before = taps - 1;
  const { before: past, keep } = rows.state(tape, [before, channels]);
  const shape = ['batch', `seq+${before}`, channels];
  if (past === undefined) return tape.op('Pad', [x, tape.int64s([0, before, 0, 0, 0, 0])], { shape });
  const joined = tape.op('Concat', [past, x], { attributes: { axis: 1 }, shape });
  keep(tape.op('Slice', [joined, tape.int64s([-before]), tape.int64s([2 ** 31 - 1]), tape.int64s([1])]));
  return joined;
}

/** WHY Pad: with widths below 0 it cuts, and its gradient pads again, whatever the length is. */
function cropped(
  tape: Tape,
  x: Value,
  { before, after, channels }: { readonly before: number; readonly after: number; readonly channels: number },
): Value {
  if (before === 0 && after === 0) return x;
  return tape.op('Pad', [x, tape.int64s([0, -before, 0, 0, -after, 0])], { shape: ['batch', 'seq', channels] });
}

/** Maps the names of the tensors of a convolution in the checkpoint to their shapes. */
export function convWeights({ path, channels, taps, bias }: ConvLayer): [name: string, shape: number[]][] {
  return [
    [`${path}.weight`, [channels, 1, taps]],
    ...(bias ? [[`${path}.bias`, [channels]] as [string, number[]]] : []),
  ];
}

/** The states of one row. */
export function convStates({ channels, taps }: ConvLayer): number[][] {
  return taps === 1 ? [] : [[taps - 1, channels]];
}
