export { type BlockScheme, quantizeBlocks, type QuantizedBlocks } from './block-quantizer.ts';
export { quantizeChannels, type QuantizedChannels } from './channel-quantizer.ts';
export { dequantizeBase } from './dequantize-base.ts';
export type { QuantizationSettings } from './plan-quantization.ts';
export { quantizationOf } from './quantization-of.ts';
export { quantizeBase, type QuantizeOptions, type QuantizeResult } from './quantize-base.ts';
