import type { InferRule, InferRules, OpView, TypeInfo } from './infer-rule.ts';

/** The result, then statistics whose normalized axes are 1. */
function normalize(statistics: number): InferRule {
  return (op) => {
    const result = { dtype: op.dtype(0), shape: op.shape(0) };
    return [result, ...Array.from({ length: statistics }, () => statistic(op))];
  };
}

function statistic(op: OpView): TypeInfo {
  const shape = op.shape(0);
  if (shape === undefined) return { dtype: 'float32' };
  const axis = op.axis(op.node.intAttribute('axis', -1), shape.length);
  // WHY f32 even for f64: it is the default of `stash_type`, and the kernels follow it.
  return { dtype: 'float32', shape: shape.map((dim, i) => (i < axis ? dim : 1)) };
}

/** Outputs: the normalized sum, the mean, the inverse deviation, and the sum of input, skip and bias. */
const skipNormalize: InferRule = (op) => {
  const result = { dtype: op.dtype(0), shape: op.shape(0) };
  return [result, statistic(op), statistic(op), result];
};

/** For ids [batch, seq] and a table [vocab, hidden]: the normalized embeddings, a mask index for each row, the sum before the norm. */
const embedNormalize: InferRule = (op) => {
  const [ids, words] = [op.shape(0), op.shape(2)];
  const result = { dtype: op.dtype(2), shape: ids && words && [...ids, words[1]] };
  return [result, { dtype: 'int32', shape: ids?.slice(0, 1) }, result];
};

const simplified = normalize(1);

const sameAsInput: InferRule = (op) => ({ dtype: op.dtype(0), shape: op.shape(0) });

export const normalizationRules: InferRules = {
  LayerNormalization: normalize(2),
  RMSNormalization: normalize(0),
  BatchNormalization: sameAsInput,
  InstanceNormalization: sameAsInput,
  GroupNormalization: sameAsInput,
  MeanVarianceNormalization: sameAsInput,
  LpNormalization: sameAsInput,
  SimplifiedLayerNormalization: simplified,
  'com.microsoft:SimplifiedLayerNormalization': simplified,
  'com.microsoft:EmbedLayerNormalization': embedNormalize,
  'com.microsoft:SkipLayerNormalization': skipNormalize,
  'com.microsoft:SkipSimplifiedLayerNormalization': skipNormalize,
};
