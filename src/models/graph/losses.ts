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

/** The label of tokens that do not count. */
const ignored = -100;

/**
 * Adds cross entropy over the classes of each token to a graph with an output `logits` f32 [batch, seq, labels]: the input `labels` i64
 * [batch, seq], −100 for tokens that do not count, and the outputs `loss_sum` f32 [] and `correct` i64 []. The logits are no longer an
 * output.
 */
export function addTokenLoss(model: Model): void {
  const logits = takeLogits(model);
  const tape = new Tape(model, { scope: 'loss' });
  const [batch = 'batch', seq = 'seq', count] = logits.shape ?? [];
  const labels = model.graph.addInput('labels', 'int64', [batch, seq]);
  const flat = tape.op('Reshape', [logits, tape.int64s([-1, Number(count)])], { shape: ['places', Number(count)] });
  const targets = tape.op('Reshape', [labels, tape.int64s([-1])], { shape: ['places'] });
  const [loss] = tape.ops('SoftmaxCrossEntropyLoss', [flat, targets], {
    outputs: 2,
    attributes: { reduction: 'sum', ignore_index: ignored },
  });
  if (loss === undefined) throw new TypeError('SoftmaxCrossEntropyLoss has two outputs');
  const best = tape.op('ArgMax', [flat], { attributes: { axis: -1, keepdims: 0 } });
  const hits = tape.op('Cast', [tape.op('Equal', [best, targets])], { attributes: { to: dataTypeNumber('int64') } });
  give(model, loss, 'loss_sum');
  give(model, tape.op('ReduceSum', [hits], { attributes: { keepdims: 0 } }), 'correct');
}

/**
 * Adds the squared error to a graph with an output `logits` f32 [batch, ...]: the input `targets`, of the same shape, and the output
 * `loss_sum` f32 [], Σ over rows of the mean over the numbers of a row. The logits are no longer an output.
 */
export function addRegressionLoss(model: Model): void {
  addLossOfNumbers(model, (tape, { logits, targets }) => {
    const error = tape.op('Sub', [logits, targets]);
    return tape.op('Mul', [error, error]);
  });
}

/**
 * Adds the cross entropy of each class for itself to a graph with an output `logits` f32 [batch, labels]: the input `targets`, of the
 * same shape, and the output `loss_sum` f32 [], Σ over rows of the mean over the classes. The logits are no longer an output.
 *
 *   −t·log sigmoid(x) − (1 − t)·log(1 − sigmoid(x)) = softplus(x) − t·x
 */
export function addFlagsLoss(model: Model): void {
  addLossOfNumbers(model, (tape, { logits, targets }) =>
    tape.op('Sub', [tape.op('Softplus', [logits]), tape.op('Mul', [targets, logits])]),
  );
}

interface Compared {
  readonly logits: Value;
  /** f32, shaped as the logits */
  readonly targets: Value;
}

/** @param lossOf  the loss of each number, shaped as the logits */
function addLossOfNumbers(model: Model, lossOf: (tape: Tape, compared: Compared) => Value): void {
  const logits = takeLogits(model);
  const tape = new Tape(model, { scope: 'loss' });
  const targets = model.graph.addInput('targets', 'float32', logits.shape ?? ['batch']);
  const losses = tape.op('Flatten', [lossOf(tape, { logits, targets })], { attributes: { axis: 1 } });
  const rows = tape.op('ReduceMean', [losses, tape.int64s([1])], { attributes: { keepdims: 0 } });
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
