export type {
  BaseGraphs,
  BaseInput,
  BaseModel,
  BaseProblem,
  BaseTask,
  EncoderGraphOptions,
  GraphOptions,
  ModelConfig,
} from './base-model.ts';
export { rowInputs } from './base-model.ts';
export { choosePrompt, inputTypes, type PromptChoice, type TextPrompts } from './encoder/text-prompts.ts';
export { readersOf } from './cache-readers.ts';
export { createRandomBase, type RandomBaseOptions } from './create-random-base.ts';
export type { GenerationConfig } from './generation-config.ts';
export {
  buildClassificationGraph,
  buildClassificationTrainingGraph,
  buildDecodeGraph,
  buildDecodeGraphInSlices,
  buildEmbeddingGraph,
  buildHeadGraph,
  buildScoringGraph,
  buildTrainingGraph,
  buildTrunkGraph,
} from './graphs.ts';
export { type BaseEmbeddings, embeddingsOf } from './base-embeddings.ts';
export { modelName } from './model-name.ts';
export { isOnnxPath } from './onnx/find-onnx-file.ts';
export { storedConstants } from './onnx/stored-constants.ts';
export { type OnnxModel, openOnnxModel } from './onnx/open-onnx-model.ts';
export { chunkDimSizes } from './graph/recurrent/chunk-dims.ts';
export { hintAt } from './explain-missing.ts';
export { judgeGguf } from './gguf/judge-gguf.ts';
export { judgeCheckpoint, type Judgement } from './judge-checkpoint.ts';
export { parsePythonJson } from './read-json.ts';
export { openBaseModel, type OpenBaseOptions } from './open-base-model.ts';
export { parameterShapes } from './parameter-shapes.ts';
export { readableGraph } from './readable-graph.ts';
export { basePath } from './gguf/open-gguf.ts';
export { findGguf, isGgufModel } from './gguf/open-gguf-files.ts';
export { dequantizeGrouped } from './quantized/foreign/dequantize-grouped.ts';
export { dequantizeMxfp4 } from './quantized/foreign/mxfp4.ts';
export { dequantizeFloat8 } from './quantized/foreign/float8.ts';
export { dequantizeRows, type QuantizedRowBytes } from './quantized/dequantize-rows.ts';
export { formatQuantization, type QuantizationConfig, quantizationMethod } from './quantized/quantization-config.ts';
export {
  companionNames,
  parameterCount,
  quantizableMatrices,
  type QuantizableMatrix,
} from './quantized/quantized-weight.ts';
export type { QuantizedWeight } from './weight-ref.ts';
export type { RandomBaseConfig } from './random-base-config.ts';
export { verifyWeights } from './verify-weights.ts';
export { type CopyBaseOptions, PrivateBase } from './copy/private-base.ts';
export { BaseWatch, type Lookout, type Watched } from './watch/base-watch.ts';
export { fingerprintBase } from './fingerprint/fingerprint-base.ts';
export { fingerprintKey, isOtherBase, readFingerprint } from './fingerprint/fingerprint-text.ts';
export { storedBytes, type StoredTensors } from './stored-tensors.ts';
export type { WeightRef } from './weight-ref.ts';
