import type { Node, Tape, Value } from '../../ir/index.ts';
import { cast, div, mul, sameAs, scalar, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { zerosLike } from '../shapes.ts';

/**
 * NegativeLogLikelihoodLoss: loss = −Σ input[target], or the mean, or one loss for each row. The classes are on axis 1. Rows whose
 * target is `ignore_index` are ignored.
 *
 *   dinput = zeros, with −dloss at the target of each counted row   (for the mean, divided by the number of counted rows)
 *
 * @see ONNX NegativeLogLikelihoodLoss-22
 */
export const negativeLogLikelihoodLossGradient = gradientRule({
  opType: 'NegativeLogLikelihoodLoss',
  inputs: ['input', 'target', 'weight?'],
  outputs: ['loss'],
  backward({ tape, node, inputs: { input, target, weight }, gradients: { loss: dLoss } }) {
    if (weight) throw notDefined(node, 'NegativeLogLikelihoodLoss with class weights');
    return {
      input() {
        const rows = tape.op('Unsqueeze', [target, tape.int64s([1])]);
        const ignored = node.intAttribute('ignore_index');
        const isIgnored = ignored === undefined ? undefined : tape.op('Equal', [rows, scalar(tape, ignored, target)]);
        const places = isIgnored ? tape.op('Where', [isIgnored, scalar(tape, 0, target), rows]) : rows;
        const counted = isIgnored && cast(tape, tape.op('Not', [isIgnored]), input.dtype ?? 'float32');
        const share = unary(tape, 'Neg', shareOfRow(tape, node, { dLoss, counted, rows }));
        const spread = tape.op('Expand', [share, tape.op('Shape', [rows])], {
          ...(rows.shape && { shape: rows.shape }),
        });
        const attributes = { axis: 1 };
        return tape.op('ScatterElements', [zerosLike(tape, input), places, spread], { attributes, ...sameAs(input) });
      },
    };
  },
});

interface Rows {
  readonly dLoss: Value;
  /** 1 for counted rows, 0 for ignored ones; undefined if all rows count. */
  readonly counted: Value | undefined;
  /** [batch, 1, …] */
  readonly rows: Value;
}

function shareOfRow(tape: Tape, node: Node, { dLoss, counted, rows }: Rows): Value {
  const reduction = node.stringAttribute('reduction', 'mean');
  const each = reduction === 'none' ? tape.op('Unsqueeze', [dLoss, tape.int64s([1])]) : dLoss;
  const masked = counted ? mul(tape, each, counted) : each;
  if (reduction !== 'mean') return masked;
  const count = counted && tape.op('ReduceSum', [counted], { attributes: { keepdims: 0 } });
  return div(tape, masked, count ?? cast(tape, tape.op('Size', [rows]), dLoss.dtype ?? 'float32'));
}
