import type { InferRule, InferRules } from './infer-rule.ts';

const dequantize: InferRule = (op) => ({ dtype: op.dtype(1), shape: op.shape(0) });

const quantize: InferRule = (op) => ({ dtype: op.has(2) ? op.dtype(2) : 'uint8', shape: op.shape(0) });

/** Quantized input, its scale and its zero point. */
const quantizeByRange: InferRule = (op) => [
  { dtype: 'uint8', shape: op.shape(0) },
  { dtype: 'float32', shape: [] },
  { dtype: 'uint8', shape: [] },
];

export const quantizationRules: InferRules = {
  DequantizeLinear: dequantize,
  QuantizeLinear: quantize,
  DynamicQuantizeLinear: quantizeByRange,
};
