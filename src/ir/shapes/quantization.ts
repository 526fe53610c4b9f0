import type { InferRule, InferRules } from './infer-rule.ts';

const dequantize: InferRule = (op) => ({ dtype: op.dtype(1), shape: op.shape(0) });

const quantize: InferRule = (op) => ({ dtype: op.has(2) ? op.dtype(2) : 'uint8', shape: op.shape(0) });

/** Quantized input, its scale and its zero point. */
const quantizeByRange: InferRule = (op) => [
  { dtype: 'uint8', shape: op.shape(0) },
  { dtype: 'float32', shape: [] },
  { dtype: 'uint8', shape: [] },
];

/** A [..., m, k] times B [k, n], quantized or not: Y [..., m, n] in floats. */
const productToFloat: InferRule = (op) => {
  const [a, b] = [op.shape(0), op.shape(1)];
  return { dtype: 'float32', shape: a && b?.length === 2 ? [...a.slice(0, -1), b[1]] : undefined };
};

export const quantizationRules: InferRules = {
  DequantizeLinear: dequantize,
  QuantizeLinear: quantize,
  DynamicQuantizeLinear: quantizeByRange,
  'com.microsoft:DequantizeLinear': dequantize,
  'com.microsoft:QuantizeLinear': quantize,
  'com.microsoft:MatMulIntegerToFloat': productToFloat,
  'com.microsoft:DynamicQuantizeMatMul': productToFloat,
};
