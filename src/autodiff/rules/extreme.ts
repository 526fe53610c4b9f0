import type { Tape, Value } from '../../ir/index.ts';
import { cast, div, mul, sumOver } from '../emit.ts';
import { gradientRule, type GradientRule } from '../gradient-rule.ts';
import { keptLike, reducedAxes } from './reduction.ts';

/** Max and Min of several inputs: inputs that tie share the gradient equally. */
export function extremeOf(opType: 'Max' | 'Min'): GradientRule {
  return gradientRule({
    opType,
    outputs: ['Y'],
    backward({ tape, node, outputs: { Y }, gradients: { Y: dY } }) {
      const masks = node.inputs.map((X) => X && indicator(tape, X, Y));
      const [first, ...others] = masks.flatMap((mask) => mask ?? []);
      const ties = others.reduce((sum, mask) => tape.op('Add', [sum ?? mask, mask]), first);
      return masks.map((mask) => mask && ties && (() => mul(tape, dY, div(tape, mask, ties))));
    },
  });
}

/** ReduceMax and ReduceMin: elements that tie share the gradient equally. */
export function reducedExtreme(opType: 'ReduceMax' | 'ReduceMin'): GradientRule {
  return gradientRule({
    opType,
    inputs: ['X', 'axes?'],
    outputs: ['Y'],
    backward({ tape, node, inputs: { X, axes }, outputs: { Y }, gradients: { Y: dY } }) {
      return {
        X() {
          const over = reducedAxes(node, X, axes);
          const mask = indicator(tape, X, keptLike(tape, Y, node, over));
          const ties = sumOver(tape, mask, over, true);
          return mul(tape, mask, div(tape, keptLike(tape, dY, node, over), ties));
        },
      };
    },
  });
}

/** 1 where the two are equal, else 0. */
function indicator(tape: Tape, a: Value, b: Value): Value {
  return cast(tape, tape.op('Equal', [a, b]), a.dtype ?? 'float32');
}
