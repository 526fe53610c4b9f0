import { tensorOf } from '../../tensor/index.ts';
import type { Node, Tape, Value } from '../../ir/index.ts';
import { cast, div, mul, sameAs, scalar, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { savedOutput } from '../saved-output.ts';

/**
 * SoftmaxCrossEntropyLoss: loss = −Σ ln softmax(scores)[target], or the mean, or one loss for each row. The classes are on axis 1
 * of the scores. Rows whose target is `ignore_index` are ignored.
 *
 *   dscores = (softmax(scores) − onehot(target)) ∘ dloss ∘ [target ≠ ignore_index]   (for the mean, divided by the number of counted rows)
 *
 * The softmax is the exponential of the second output. 1 is subtracted at each target, so no one-hot matrix is built.
 * @see ONNX SoftmaxCrossEntropyLoss-13
 */
export const softmaxCrossEntropyLossGradient = gradientRule({
  opType: 'SoftmaxCrossEntropyLoss',
  inputs: ['scores', 'labels', 'weights?'],
  outputs: ['output'],
  backward({ tape, node, inputs: { scores, labels, weights }, gradients: { output: dLoss } }) {
    if (weights) throw notDefined(node, 'SoftmaxCrossEntropyLoss with class weights');
    return {
      scores() {
        const { dtype, shape } = scores;
        const logProb = savedOutput(tape, node, { index: 1, name: 'log_prob', dtype, shape });
        const { target, counted } = targets(tape, node, { labels, like: scores });
        const minusOne = tape.op('ConstantOfShape', [tape.op('Shape', [target])], {
          attributes: { value: tensorOf(dtype ?? 'float32', [1], [-1]) },
        });
        const attributes = { axis: 1, reduction: 'add' };
        const probabilities = unary(tape, 'Exp', logProb);
        const error = tape.op('ScatterElements', [probabilities, target, minusOne], { attributes, ...sameAs(scores) });
        return mul(tape, error, rowFactor(tape, node, { dLoss, counted, target, like: scores }));
      },
    };
  },
});

/** The targets with a class axis, where ignored targets are replaced by class 0; and 1 for counted rows, 0 for ignored ones. */
function targets(tape: Tape, node: Node, { labels, like }: { labels: Value; like: Value }): Targets {
  const rows = tape.op('Unsqueeze', [labels, tape.int64s([1])]);
  const ignored = node.intAttribute('ignore_index');
  if (ignored === undefined) return { target: rows, counted: undefined };
  const isIgnored = tape.op('Equal', [rows, scalar(tape, ignored, labels)]);
  const target = tape.op('Where', [isIgnored, scalar(tape, 0, labels), rows]);
  return { target, counted: cast(tape, tape.op('Not', [isIgnored]), like.dtype ?? 'float32') };
}

interface Targets {
  readonly target: Value;
  readonly counted: Value | undefined;
}

/** The factor of each row: dloss for counted rows, 0 for ignored ones. Shape [N, 1, ...], or [] if all rows count. */
function rowFactor(tape: Tape, node: Node, row: Targets & { readonly dLoss: Value; readonly like: Value }): Value {
  const { dLoss, counted, target, like } = row;
  const reduction = node.stringAttribute('reduction', 'mean');
  const factor = reduction === 'none' ? tape.op('Unsqueeze', [dLoss, tape.int64s([1])]) : dLoss;
  const masked = counted ? mul(tape, factor, counted) : factor;
  if (reduction !== 'mean') return masked;
  const sum = counted && tape.op('ReduceSum', [counted], { attributes: { keepdims: 0 } });
  return div(tape, masked, sum ?? cast(tape, tape.op('Size', [target]), like.dtype ?? 'float32'));
}
