import type { InferRule, InferRules, TypeInfo } from './infer-rule.ts';

/** A scalar, or one loss for each label if nothing is reduced; then the log-probabilities, in the shape of the scores. */
const crossEntropy: InferRule = (op) => {
  const perLabel = op.node.stringAttribute('reduction', 'mean') === 'none';
  const loss: TypeInfo = { dtype: op.dtype(0), shape: perLabel ? op.shape(1) : [] };
  return [loss, { dtype: op.dtype(0), shape: op.shape(0) }];
};

export const lossRules: InferRules = {
  SoftmaxCrossEntropyLoss: crossEntropy,
  NegativeLogLikelihoodLoss: crossEntropy,
};
