import type { GradientRule } from '../gradient-rule.ts';
import { absGradient } from './abs.ts';
import { addGradient } from './add.ts';
import { biasGeluGradient } from './bias-gelu.ts';
import { castGradient } from './cast.ts';
import { clipGradient } from './clip.ts';
import { concatGradient } from './concat.ts';
import { cosGradient } from './cos.ts';
import { divGradient } from './div.ts';
import { dropoutGradient } from './dropout.ts';
import { erfGradient } from './erf.ts';
import { expGradient } from './exp.ts';
import { expandGradient } from './expand.ts';
import { fastGeluGradient } from './fast-gelu.ts';
import { flattenGradient } from './flatten.ts';
import { fusedMatMulGradient } from './fused-mat-mul.ts';
import { gatherElementsGradient } from './gather-elements.ts';
import { gatherGradient } from './gather.ts';
import { geluGradient } from './gelu.ts';
import { gemmGradient } from './gemm.ts';
import { identityGradient } from './identity.ts';
import { layerNormalizationGradient } from './layer-normalization.ts';
import { logSoftmaxGradient } from './log-softmax.ts';
import { logGradient } from './log.ts';
import { matMulNBitsGradient } from './mat-mul-n-bits.ts';
import { matMulGradient } from './mat-mul.ts';
import { maxGradient } from './max.ts';
import { microsoftGeluGradient } from './microsoft-gelu.ts';
import { microsoftRotaryEmbeddingGradient } from './microsoft-rotary-embedding.ts';
import { minGradient } from './min.ts';
import { mulGradient } from './mul.ts';
import { negGradient } from './neg.ts';
import { notDifferentiable } from './not-differentiable.ts';
import { powGradient } from './pow.ts';
import { quickGeluGradient } from './quick-gelu.ts';
import { reciprocalGradient } from './reciprocal.ts';
import { reduceMaxGradient } from './reduce-max.ts';
import { reduceMeanGradient } from './reduce-mean.ts';
import { reduceMinGradient } from './reduce-min.ts';
import { reduceSumGradient } from './reduce-sum.ts';
import { reluGradient } from './relu.ts';
import { reshapeGradient } from './reshape.ts';
import { rmsNormalizationGradient } from './rms-normalization.ts';
import { rotaryEmbeddingGradient } from './rotary-embedding.ts';
import { sigmoidGradient } from './sigmoid.ts';
import { simplifiedLayerNormalizationGradient } from './simplified-layer-normalization.ts';
import { sinGradient } from './sin.ts';
import { skipSimplifiedLayerNormalizationGradient } from './skip-simplified-layer-normalization.ts';
import { sliceGradient } from './slice.ts';
import { softmaxCrossEntropyLossGradient } from './softmax-cross-entropy-loss.ts';
import { softmaxGradient } from './softmax.ts';
import { splitGradient } from './split.ts';
import { sqrtGradient } from './sqrt.ts';
import { squeezeGradient } from './squeeze.ts';
import { subGradient } from './sub.ts';
import { sumGradient } from './sum.ts';
import { swishGradient } from './swish.ts';
import { tanhGradient } from './tanh.ts';
import { tileGradient } from './tile.ts';
import { transposeGradient } from './transpose.ts';
import { unsqueezeGradient } from './unsqueeze.ts';
import { whereGradient } from './where.ts';

/** The rules that come with Espalier, in alphabetical order. */
export const standardRules: readonly GradientRule[] = [
  absGradient,
  addGradient,
  biasGeluGradient,
  castGradient,
  clipGradient,
  concatGradient,
  cosGradient,
  divGradient,
  dropoutGradient,
  erfGradient,
  expGradient,
  expandGradient,
  fastGeluGradient,
  flattenGradient,
  fusedMatMulGradient,
  gatherElementsGradient,
  gatherGradient,
  geluGradient,
  gemmGradient,
  identityGradient,
  layerNormalizationGradient,
  logSoftmaxGradient,
  logGradient,
  matMulGradient,
  matMulNBitsGradient,
  maxGradient,
  microsoftGeluGradient,
  microsoftRotaryEmbeddingGradient,
  minGradient,
  mulGradient,
  negGradient,
  powGradient,
  quickGeluGradient,
  reciprocalGradient,
  reduceMaxGradient,
  reduceMeanGradient,
  reduceMinGradient,
  reduceSumGradient,
  reluGradient,
  reshapeGradient,
  rmsNormalizationGradient,
  rotaryEmbeddingGradient,
  sigmoidGradient,
  simplifiedLayerNormalizationGradient,
  sinGradient,
  skipSimplifiedLayerNormalizationGradient,
  sliceGradient,
  softmaxCrossEntropyLossGradient,
  softmaxGradient,
  splitGradient,
  sqrtGradient,
  squeezeGradient,
  subGradient,
  sumGradient,
  swishGradient,
  tanhGradient,
  tileGradient,
  transposeGradient,
  unsqueezeGradient,
  whereGradient,
  ...notDifferentiable,
];
