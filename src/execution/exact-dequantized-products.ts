/**
 * A session with this configuration multiplies a constant weight behind DequantizeLinear with activations as they are. ONNX Runtime
 * makes MatMulNBits of the two operators, and its default accuracy level, 4, rounds the activations to 8 bits. Level 1 is f32. A
 * MatMulNBits that the file itself contains keeps the level that the file gives it.
 *
 * WHY not the pass `exactDequantization`: this keeps the fused operator, whose weight stays integers while it is multiplied. Training
 * uses the pass, which changes the graph itself and so holds in whatever session runs it.
 */
export const exactDequantizedProducts: Readonly<Record<string, string>> = {
  'session.qdq_matmulnbits_accuracy_level': '1',
};
