import { Tape, type Model, type Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';

/**
 * Adds cross entropy over the classes to a graph with an output `logits` f32 [batch, labels]: the input `labels` i64 [batch], the outputs
 * `loss_sum` f32 [] and `correct` i64 []. The logits are no longer an output.
 */
export function addClassificationLoss(model: Model): void {
  const logits = takeLogits(model);
  const tape = new Tape(model, { scope: 'loss' });
  const labels = model.graph.addInput('labels', 'int64', [logits.shape?.[0] ?? 'batch']);
  // WHY two outputs: the backward pass reads the second, the log-probabilities.
  const [loss] = tape.ops('SoftmaxCrossEntropyLoss', [logits, labels], {
    outputs: 2,
    attributes: { reduction: 'sum' },
  });
  if (loss === undefined) throw new TypeError('SoftmaxCrossEntropyLoss has two outputs');
  const best = tape.op('ArgMax', [logits], { attributes: { axis: -1, keepdims: 0 } });
  const hits = tape.op('Cast', [tape.op('Equal', [best, labels])], { attributes: { to: dataTypeNumber('int64') } });
  give(model, loss, 'loss_sum');
  give(model, tape.op('ReduceSum', [hits], { attributes: { keepdims: 0 } }), 'correct');
}

/**
 * Adds the squared error to a graph with an output `logits` f32 [batch, ...]: the input `targets`, of the same shape, and the output
 * `loss_sum` f32 [], Σ over rows of the mean over the numbers of a row. The logits are no longer an output.
 */
export function addRegressionLoss(model: Model): void {
  const logits = takeLogits(model);
  const tape = new Tape(model, { scope: 'loss' });
  const targets = model.graph.addInput('targets', 'float32', logits.shape ?? ['batch']);
  const error = tape.op('Sub', [logits, targets]);
  const squares = tape.op('Flatten', [tape.op('Mul', [error, error])], { attributes: { axis: 1 } });
  const rows = tape.op('ReduceMean', [squares, tape.int64s([1])], { attributes: { keepdims: 0 } });
  give(model, tape.op('ReduceSum', [rows], { attributes: { keepdims: 0 } }), 'loss_sum');
}

function takeLogits({ graph }: Model): Value {
  const logits = graph.outputs.find(({ name }) => name === 'logits');
  if (logits === undefined) throw new TypeError('a classification graph has an output logits');
  graph.removeOutput(logits);
  return logits;
}

function give({ graph }: Model, value: Value, name: string): void {
  graph.rename(value, name);
  graph.addOutput(value);
}
