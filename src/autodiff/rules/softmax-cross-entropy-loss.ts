import { tensorOf } from '../../tensor/index.ts';
import type { Node, Tape, Value } from '../../ir/index.ts';
import { cast, div, mul, sameAs, scalar, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { savedOutput } from '../saved-output.ts';

/**
 * SoftmaxCrossEntropyLoss: loss = −Σ ln softmax(scores)[target], or their mean, or one for each row; scores have the
 * classes on axis 1, rows whose target is `ignore_index` count nothing.
 *
 *   dscores = (softmax(scores) − onehot(target)) ∘ dloss ∘ [target ≠ ignore_index]   (/ number of targets, for a mean)
 *
 * The softmax is e to the second output, from which 1 is taken at each target: no one-hot matrix is made.
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

/** Targets with an axis for the class: those to ignore replaced by class 0, and 1 where a row counts, 0 where not. */
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

/** What each row's error is multiplied by: dloss where it counts. Shape [N, 1, ...], or [] where all rows count. */
function rowFactor(tape: Tape, node: Node, row: Targets & { readonly dLoss: Value; readonly like: Value }): Value {
  const { dLoss, counted, target, like } = row;
  const reduction = node.stringAttribute('reduction', 'mean');
  const factor = reduction === 'none' ? tape.op('Unsqueeze', [dLoss, tape.int64s([1])]) : dLoss;
  const masked = counted ? mul(tape, factor, counted) : factor;
  if (reduction !== 'mean') return masked;
  const sum = counted && tape.op('ReduceSum', [counted], { attributes: { keepdims: 0 } });
  return div(tape, masked, sum ?? cast(tape, tape.op('Size', [target]), like.dtype ?? 'float32'));
}
