import { string, Tape, type Model, type Value } from '../../ir/index.ts';

/** The output f32 [targets] with the loss of each target. */
export const targetLossesOutput = 'target_losses';

/**
 * Makes the loss of each target an output beside their sum, so that the targets of several trainings can be told apart.
 * @returns the symbolic dimension of the targets
 */
export function giveTargetLosses(model: Model): string {
  const { graph } = model;
  const sum = graph.value('loss_sum');
  const node = sum?.producer;
  if (sum === undefined || node === undefined) throw new TypeError('the training graph has no output loss_sum');
  const losses = node.opType === 'ReduceSum' ? node.inputs[0] : unreduced(model, sum);
  const dim = losses?.shape?.[0];
  if (losses === undefined || typeof dim !== 'string') throw new TypeError('the loss is not a sum over targets');
  graph.rename(losses, targetLossesOutput);
  graph.addOutput(losses);
  return dim;
}

/** The losses of a cross entropy that is a sum. The sum is computed from them. */
function unreduced(model: Model, sum: Value): Value | undefined {
  const { graph } = model;
  const node = sum.producer;
  const targets = node?.inputs[1];
  const isSum = node?.opType === 'SoftmaxCrossEntropyLoss' && node.stringAttribute('reduction', 'mean') === 'sum';
  if (node === undefined || !isSum) return undefined;
  node.setAttribute('reduction', string('none'));
  graph.removeOutput(sum);
  graph.rename(sum, graph.uniqueName(targetLossesOutput));
  sum.shape = targets?.shape;
  const total = new Tape(model, { scope: 'loss', insertAfter: node }).op('ReduceSum', [sum], {
    attributes: { keepdims: 0 },
  });
  graph.rename(total, 'loss_sum');
  graph.addOutput(total);
  return sum;
}
