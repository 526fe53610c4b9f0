export { chunkLoss, type ChunkLossOptions } from './chunk-loss.ts';
export { chunkedLossKey, lossChunkSizes } from './chunked-loss.ts';
export { differentiate, type DifferentiateOptions, gradientKey } from './differentiate.ts';
export { GradientRegistry } from './gradient-registry.ts';
export {
  type GradientContext,
  gradientRule,
  type GradientRule,
  type GradientThunk,
  type InputGradients,
  type NamedValues,
  nonDifferentiable,
  type RuleDefinition,
  undifferentiable,
} from './gradient-rule.ts';
export { standardLowerings } from './lowering/index.ts';
export type { Lowering, LoweringContext } from './lowering/lowering.ts';
export { dequantizeAgain, hasIntegerWeights } from './passes/dequantize-again.ts';
export { dropExpands } from './passes/drop-expands.ts';
export { fuseGradientSums } from './passes/fuse-gradient-sums.ts';
export { gradientPasses } from './passes/index.ts';
export { roundProducts } from './passes/round-products.ts';
export { transposeBytes } from './passes/transpose-bytes.ts';
export { recompute, recomputedKey } from './recompute.ts';
export { standardRules } from './rules/index.ts';
