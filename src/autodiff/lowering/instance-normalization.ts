import type { Node, Tape, Value } from '../../ir/index.ts';
import { add, div, mul, shift, sub, unary } from '../emit.ts';
import { notDefined } from '../not-defined.ts';
import { meanOver } from '../rules/norm.ts';
import { rankOf, reshapeLike, shapeOf } from '../shapes.ts';
import type { Lowering } from './lowering.ts';

/**
 * InstanceNormalization: each channel of each sample is normalized by its own mean and variance
 *
 *   Y = (X − mean) / √(var + ε) ∘ scale + B
 *
 * @see ONNX InstanceNormalization-22; Ulyanov et al. 2016
 */
export const instanceNormalizationLowering: Lowering = {
  opType: 'InstanceNormalization',
  lower({ tape, node }) {
    const [X, scale, B] = node.inputs;
    if (X === undefined || scale === undefined || B === undefined) return undefined;
    const spatial = Array.from({ length: rankOf(X, node) - 2 }, (_, i) => i + 2);
    return [scaled(tape, standardized(tape, X, { axes: spatial, epsilon: epsilonOf(node) }), { scale, B })];
  },
};

/**
 * GroupNormalization: the channels of each group of each sample are normalized by their common mean and variance. Scale and bias are
 * given for each channel; before opset 21, for each group.
 * @see ONNX GroupNormalization-21; Wu and He 2018
 */
export const groupNormalizationLowering: Lowering = {
  opType: 'GroupNormalization',
  lower({ tape, node }) {
    const [X, scale, B] = node.inputs;
    if (X === undefined || scale === undefined || B === undefined) return undefined;
    const groups = node.intAttribute('num_groups', 1);
    const rows = tape.op('Reshape', [X, tape.int64s([0, groups, -1])]);
    const normal = reshapeLike(tape, standardized(tape, rows, { axes: [2], epsilon: epsilonOf(node) }), X);
    const each = perChannel(tape, node, { X, groups });
    return [scaled(tape, normal, { scale: each(scale), B: each(B) })];
  },
};

/**
 * MeanVarianceNormalization: (X − mean) / (standard deviation + 1e-9) over the axes.
 * @see ONNX MeanVarianceNormalization-13
 */
export const meanVarianceNormalizationLowering: Lowering = {
  opType: 'MeanVarianceNormalization',
  lower({ tape, node }) {
    const [X] = node.inputs;
    if (X === undefined) return undefined;
    const axes = node.intsAttribute('axes', [0, 2, 3]);
    const centred = sub(tape, X, meanOver(tape, X, axes));
    const deviation = unary(tape, 'Sqrt', meanOver(tape, mul(tape, centred, centred), axes));
    return [div(tape, centred, shift(tape, deviation, 1e-9))];
  },
};

function epsilonOf(node: Node): number {
  return node.floatAttribute('epsilon', 1e-5);
}

/** Normalizes to mean 0 and variance 1 over the axes. */
function standardized(tape: Tape, X: Value, { axes, epsilon }: { axes: readonly number[]; epsilon: number }): Value {
  const centred = sub(tape, X, meanOver(tape, X, axes));
  const variance = meanOver(tape, mul(tape, centred, centred), axes);
  return div(tape, centred, unary(tape, 'Sqrt', shift(tape, variance, epsilon)));
}

/** x ∘ scale + B, each [channels]. */
function scaled(tape: Tape, x: Value, { scale, B }: { readonly scale: Value; readonly B: Value }): Value {
  const after = Array.from({ length: (x.shape?.length ?? 2) - 2 }, (_, i) => i + 1);
  const along = (y: Value): Value => (after.length === 0 ? y : tape.op('Unsqueeze', [y, tape.int64s(after)]));
  return add(tape, mul(tape, x, along(scale)), along(B));
}

function perChannel(tape: Tape, node: Node, { X, groups }: { X: Value; groups: number }): (x: Value) => Value {
  if ((tape.model.opsets.get('') ?? 0) >= 21) return (x) => x;
  const channels = shapeOf(X, node)[1];
  if (typeof channels !== 'number') throw notDefined(node, 'GroupNormalization of an unknown number of channels');
  const places = Array.from({ length: channels }, (_, i) => Math.floor(i / (channels / groups)));
  return (x) => tape.op('Gather', [x, tape.int64s(places)]);
}
