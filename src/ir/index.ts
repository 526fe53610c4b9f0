export {
  float,
  floats,
  graph as graphAttribute,
  int,
  ints,
  string,
  strings,
  tensor,
  type Attribute,
  type AttributeInput,
  type AttributeKind,
} from './attribute.ts';
export {
  constantDtype,
  constantShape,
  inlineConstant,
  type ConstantData,
  type ExternalConstant,
  type InlineConstant,
} from './constant.ts';
export {
  addDims,
  canonicalDim,
  divideDims,
  evaluateDim,
  multiplyDims,
  subtractDims,
  type Dim,
  type Shape,
} from './dim.ts';
export { Graph, type NodeWithOutputs, type OutputInit } from './graph.ts';
export { inferNode, inferShapes } from './infer/index.ts';
export { createModel, type Model, type ModelFunction, type ModelOptions } from './model.ts';
export { Node } from './node.ts';
export { encodeModel } from './onnx/encode.ts';
export { Tape, type OpOptions, type TapeOptions } from './tape.ts';
export { Value, type Use } from './value.ts';
export { printModel, printType } from './print.ts';
export { assertRelative, checkExternalData, followLinks, readConstant, resolveExternalData } from './external-data.ts';
export { loadModel } from './load-model.ts';
export { decodeModel } from './onnx/decode.ts';
export { isSorted, sortNodes } from './sort.ts';
export { verifyModel } from './verify.ts';
export { foldConstants } from './passes/fold-constants.ts';
export { definePass, runPasses, type Pass, type PassResult } from './passes/pass.ts';
export { removeDeadCode } from './passes/remove-dead-code.ts';
export { moduleKey, modulePartsKey, type AdaptableModule, type ModuleKind } from './modules.ts';
export { distinctRowsKey } from './distinct-rows.ts';
export { stopGradientKey } from './stop-gradient.ts';
