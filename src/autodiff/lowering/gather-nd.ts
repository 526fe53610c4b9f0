import type { Node, Tape, Value } from '../../ir/index.ts';
import { add, mul, scalar } from '../emit.ts';
import { notDefined } from '../not-defined.ts';
import { shapeOf } from '../shapes.ts';
import { range } from './attention-mask.ts';
import { dimValue } from './dimensions.ts';
import type { Lowering } from './lowering.ts';

/**
 * GatherND as a Gather: the indexed axes are flattened to one axis, and the indices converted to positions on it.
 *
 * WHY: the gradient of Gather adds up repeated indices correctly, whereas ScatterND loses additions (see the rule of Gather).
 * @see ONNX GatherND-13
 */
export const gatherNDLowering: Lowering = {
  opType: 'GatherND',
  lower({ tape, node }) {
    const [data, indices] = node.inputs;
    if (data === undefined || indices === undefined) return undefined;
    const depth = shapeOf(indices, node).at(-1);
    if (typeof depth !== 'number') throw notDefined(node, 'GatherND with indices of unknown width');
    const batch = node.intAttribute('batch_dims', 0);
    const rank = shapeOf(data, node).length;
    const lengths = Array.from({ length: batch + depth }, (_, axis) => dimValue(tape, data, axis));
    const inner = Array.from({ length: rank - batch - depth }, (_, i) => dimValue(tape, data, batch + depth + i));
    const rows = tape.op('Reshape', [data, join(tape, [tape.int64s([-1]), ...inner])], {
      shape: [undefined, ...shapeOf(data, node).slice(batch + depth)],
    });
    const own = ownPositions(tape, indices, lengths.slice(batch));
    const positions = batch === 0 ? own : add(tape, own, batchPositions(tape, node, { indices, lengths, batch }));
    return [tape.op('Gather', [rows, positions])];
  },
};

/** Σ index · stride over the last axis. Negative indices count from the end. */
function ownPositions(tape: Tape, indices: Value, lengths: readonly Value[]): Value {
  const negative = tape.op('Less', [indices, scalar(tape, 0, indices)]);
  const all = join(tape, lengths);
  const positive = tape.op('Where', [negative, add(tape, indices, all), indices]);
  const strides = join(
    tape,
    lengths.map((_, axis) => product(tape, lengths.slice(axis + 1))),
  );
  return tape.op('ReduceSum', [mul(tape, positive, strides), tape.int64s([-1])], { attributes: { keepdims: 0 } });
}

interface Batch {
  readonly indices: Value;
  readonly lengths: readonly Value[];
  readonly batch: number;
}

/** The position at which each batch begins, [batch..., 1, …], to be added to the positions of the indices. */
function batchPositions(tape: Tape, node: Node, { indices, lengths, batch }: Batch): Value {
  const count = tape.op('Squeeze', [product(tape, lengths.slice(0, batch)), tape.int64s([0])]);
  const starts = mul(tape, range(tape, count), product(tape, lengths.slice(batch)));
  const shape = shapeOf(indices, node);
  const ones = Array.from({ length: shape.length - 1 - batch }, () => 1);
  const target = join(tape, [...lengths.slice(0, batch), tape.int64s(ones)]);
  return tape.op('Reshape', [starts, target], { shape: [...shape.slice(0, batch), ...ones] });
}

/** The product of lengths, i64 [1]; 1 for none. */
function product(tape: Tape, lengths: readonly Value[]): Value {
  return lengths.reduce((total, length) => mul(tape, total, length), tape.int64s([1]));
}

function join(tape: Tape, parts: readonly Value[]): Value {
  return tape.op('Concat', parts, { attributes: { axis: 0 } });
}
