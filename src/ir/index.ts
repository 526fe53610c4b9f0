export {
  type AttributeKind,
  float,
  floats,
  graph as graphAttribute,
  int,
  ints,
  string,
  strings,
  tensor,
} from './attribute.ts';
export type { Attribute, AttributeInput } from './graph.ts';
export {
  type ByteInputs,
  byteProduct,
  byteRounding,
  type ByteWeight,
  middlesOf,
  type RoundedRows,
  roundedRows,
} from './byte-products.ts';
export {
  asChunkRecurrence,
  type ChunkCorrection,
  type ChunkRecurrence,
  chunkRecurrence,
  type ChunkStates,
} from './chunk-recurrence.ts';
export {
  type ConstantData,
  constantDtype,
  constantShape,
  type ExternalConstant,
  inlineConstant,
  type InlineConstant,
} from './constant.ts';
export {
  addDims,
  canonicalDim,
  type Dim,
  divideDims,
  evaluateDim,
  multiplyDims,
  type Shape,
  subtractDims,
} from './dim.ts';
export { distinctRowsKey } from './distinct-rows.ts';
export {
  assertRelative,
  checkExternalData,
  externalLocations,
  followLinks,
  readConstant,
  readExternal,
  resolveExternalData,
} from './external-data.ts';
export { Graph, type NodeWithOutputs, type OutputInit } from './graph.ts';
export { loadModel } from './load-model.ts';
export { createModel, type Model, type ModelFunction, type ModelOptions } from './model.ts';
export {
  type AdaptableModule,
  type ExpertGroup,
  expertsKey,
  isOutputLayer,
  moduleKey,
  type ModuleKind,
  modulePartsKey,
  roundedInputKey,
} from './modules.ts';
export type { Node } from './graph.ts';
export { decodeModel } from './onnx/decode.ts';
export { encodeInSlices, encodeModel } from './onnx/encode.ts';
export { exactDequantization } from './passes/exact-dequantization.ts';
export { exactProducts } from './passes/exact-products.ts';
export { hasOutputs, inOrder, noNode, readsInputs } from './passes/conditions.ts';
export {
  type Condition,
  defineLongPass,
  definePass,
  type Pass,
  type PassResult,
  runPasses,
  runPassesInSlices,
} from './passes/pass.ts';
export { removeDeadCode } from './passes/remove-dead-code.ts';
export { printModel, printType } from './print.ts';
export { inferNode, inferShapes } from './shapes/index.ts';
export { sameValue } from './same-value.ts';
export { isSorted, sortNodes } from './sort.ts';
export { stopGradientKey } from './stop-gradient.ts';
export { type OpOptions, Tape, type TapeOptions } from './tape.ts';
export type { Use, Value } from './graph.ts';
export { verifyModel } from './verify.ts';
export { zeroAfter } from './zero-after.ts';
