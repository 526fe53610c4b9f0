import type { Node, Tape, Value } from '../../ir/index.ts';
import { div, mul, shift, sub, sumOver, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { rankOf } from '../shapes.ts';
import { once } from './once.ts';

/**
 * BatchNormalization with given statistics: Y = (X − mean) ∘ r ∘ scale + B,   r = 1 / √(var + ε). Mean, var, scale and B are
 * [channels], along axis 1.
 *
 *   dX = dY ∘ r ∘ scale        dscale = Σ dY ∘ (X − mean) ∘ r        dB = Σ dY, over all axes but the channels
 *
 * The statistics have no gradient.
 * @see ONNX BatchNormalization-15; Ioffe and Szegedy 2015
 */
export const batchNormalizationGradient = gradientRule({
  opType: 'BatchNormalization',
  inputs: ['X', 'scale', 'B', 'input_mean', 'input_var'],
  outputs: ['Y'],
  backward({ tape, node, inputs, gradients: { Y: dY } }) {
    if (node.intAttribute('training_mode', 0) !== 0) throw notDefined(node, 'BatchNormalization in training mode');
    const { X, scale, input_mean: mean, input_var: variance } = inputs;
    const rank = rankOf(X, node);
    const channel = (x: Value): Value => alongChannels(tape, x, rank);
    const deviation = once(() => unary(tape, 'Sqrt', shift(tape, variance, node.floatAttribute('epsilon', 1e-5))));
    const total = (x: Value): Value => sumOver(tape, x, otherAxes(node, X), false);
    return {
      X: () => mul(tape, dY, channel(div(tape, scale, deviation()))),
      scale: () => div(tape, total(mul(tape, dY, sub(tape, X, channel(mean)))), deviation()),
      B: () => total(dY),
    };
  },
});

/** Reshapes [channels] to [channels, 1, …], so that it broadcasts along axis 1. */
function alongChannels(tape: Tape, x: Value, rank: number): Value {
  return rank === 2 ? x : tape.op('Unsqueeze', [x, tape.int64s(Array.from({ length: rank - 2 }, (_, i) => i + 1))]);
}

function otherAxes(node: Node, X: Value): number[] {
  return Array.from({ length: rankOf(X, node) }, (_, axis) => axis).filter((axis) => axis !== 1);
}
