import type { GradientRule } from '../gradient-rule.ts';
import { absGradient } from './abs.ts';
import { acosGradient } from './acos.ts';
import { acoshGradient } from './acosh.ts';
import { addGradient } from './add.ts';
import { asinGradient } from './asin.ts';
import { asinhGradient } from './asinh.ts';
import { atanGradient } from './atan.ts';
import { atanhGradient } from './atanh.ts';
import { averagePoolGradient } from './average-pool.ts';
import { batchNormalizationGradient } from './batch-normalization.ts';
import { biasGeluGradient } from './bias-gelu.ts';
import { castGradient } from './cast.ts';
import { celuGradient } from './celu.ts';
import { clipGradient } from './clip.ts';
import { concatGradient } from './concat.ts';
import { convTransposeGradient } from './conv-transpose.ts';
import { convGradient } from './conv.ts';
import { cosGradient } from './cos.ts';
import { coshGradient } from './cosh.ts';
import { cumSumGradient } from './cum-sum.ts';
import { divGradient } from './div.ts';
import { dropoutGradient } from './dropout.ts';
import { eluGradient } from './elu.ts';
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
import { hardSigmoidGradient } from './hard-sigmoid.ts';
import { hardSwishGradient } from './hard-swish.ts';
import { identityGradient } from './identity.ts';
import { layerNormalizationGradient } from './layer-normalization.ts';
import { leakyReluGradient } from './leaky-relu.ts';
import { logSoftmaxGradient } from './log-softmax.ts';
import { logGradient } from './log.ts';
import { matMulBnb4Gradient } from './mat-mul-bnb4.ts';
import { matMulNBitsGradient } from './mat-mul-n-bits.ts';
import { matMulGradient } from './mat-mul.ts';
import { maxPoolGradient } from './max-pool.ts';
import { maxGradient } from './max.ts';
import { microsoftGeluGradient } from './microsoft-gelu.ts';
import { microsoftRotaryEmbeddingGradient } from './microsoft-rotary-embedding.ts';
import { microsoftTriluGradient } from './microsoft-trilu.ts';
import { minGradient } from './min.ts';
import { mishGradient } from './mish.ts';
import { modGradient } from './mod.ts';
import { mulGradient } from './mul.ts';
import { negGradient } from './neg.ts';
import { negativeLogLikelihoodLossGradient } from './negative-log-likelihood-loss.ts';
import { notDifferentiable, refused } from './not-differentiable.ts';
import { pReluGradient } from './p-relu.ts';
import { padGradient } from './pad.ts';
import { powGradient } from './pow.ts';
import { quickGeluGradient } from './quick-gelu.ts';
import { reciprocalGradient } from './reciprocal.ts';
import { reduceL1Gradient } from './reduce-l1.ts';
import { reduceL2Gradient } from './reduce-l2.ts';
import { reduceLogSumExpGradient } from './reduce-log-sum-exp.ts';
import { reduceLogSumGradient } from './reduce-log-sum.ts';
import { reduceMaxGradient } from './reduce-max.ts';
import { reduceMeanGradient } from './reduce-mean.ts';
import { reduceMinGradient } from './reduce-min.ts';
import { reduceProdGradient } from './reduce-prod.ts';
import { reduceSumSquareGradient } from './reduce-sum-square.ts';
import { reduceSumGradient } from './reduce-sum.ts';
import { reluGradient } from './relu.ts';
import { reshapeGradient } from './reshape.ts';
import { resizeGradient } from './resize.ts';
import { rmsNormalizationGradient } from './rms-normalization.ts';
import { rotaryEmbeddingGradient } from './rotary-embedding.ts';
import { scanGradient } from './scan.ts';
import { scatterElementsGradient } from './scatter-elements.ts';
import { scatterNDGradient } from './scatter-nd.ts';
import { seluGradient } from './selu.ts';
import { sigmoidGradient } from './sigmoid.ts';
import { simplifiedLayerNormalizationGradient } from './simplified-layer-normalization.ts';
import { sinGradient } from './sin.ts';
import { sinhGradient } from './sinh.ts';
import { skipSimplifiedLayerNormalizationGradient } from './skip-simplified-layer-normalization.ts';
import { sliceGradient } from './slice.ts';
import { softmaxCrossEntropyLossGradient } from './softmax-cross-entropy-loss.ts';
import { softmaxGradient } from './softmax.ts';
import { softplusGradient } from './softplus.ts';
import { softsignGradient } from './softsign.ts';
import { splitGradient } from './split.ts';
import { sqrtGradient } from './sqrt.ts';
import { squeezeGradient } from './squeeze.ts';
import { subGradient } from './sub.ts';
import { sumGradient } from './sum.ts';
import { swishGradient } from './swish.ts';
import { tanGradient } from './tan.ts';
import { tanhGradient } from './tanh.ts';
import { thresholdedReluGradient } from './thresholded-relu.ts';
import { tileGradient } from './tile.ts';
import { topKGradient } from './top-k.ts';
import { transposeGradient } from './transpose.ts';
import { triluGradient } from './trilu.ts';
import { unsqueezeGradient } from './unsqueeze.ts';
import { whereGradient } from './where.ts';

/** The rules that come with Espalier, in alphabetical order. */
export const standardRules: readonly GradientRule[] = [
  absGradient,
  acosGradient,
  acoshGradient,
  addGradient,
  asinGradient,
  asinhGradient,
  atanGradient,
  atanhGradient,
  averagePoolGradient,
  batchNormalizationGradient,
  biasGeluGradient,
  castGradient,
  celuGradient,
  clipGradient,
  concatGradient,
  convGradient,
  convTransposeGradient,
  cosGradient,
  coshGradient,
  cumSumGradient,
  divGradient,
  dropoutGradient,
  eluGradient,
  erfGradient,
  expandGradient,
  expGradient,
  fastGeluGradient,
  flattenGradient,
  fusedMatMulGradient,
  gatherElementsGradient,
  gatherGradient,
  geluGradient,
  gemmGradient,
  hardSigmoidGradient,
  hardSwishGradient,
  identityGradient,
  layerNormalizationGradient,
  leakyReluGradient,
  logGradient,
  logSoftmaxGradient,
  matMulBnb4Gradient,
  matMulGradient,
  matMulNBitsGradient,
  maxGradient,
  maxPoolGradient,
  microsoftGeluGradient,
  microsoftRotaryEmbeddingGradient,
  microsoftTriluGradient,
  minGradient,
  mishGradient,
  modGradient,
  mulGradient,
  negativeLogLikelihoodLossGradient,
  negGradient,
  padGradient,
  powGradient,
  pReluGradient,
  quickGeluGradient,
  reciprocalGradient,
  reduceL1Gradient,
  reduceL2Gradient,
  reduceLogSumExpGradient,
  reduceLogSumGradient,
  reduceMaxGradient,
  reduceMeanGradient,
  reduceMinGradient,
  reduceProdGradient,
  reduceSumGradient,
  reduceSumSquareGradient,
  reluGradient,
  reshapeGradient,
  resizeGradient,
  rmsNormalizationGradient,
  rotaryEmbeddingGradient,
  scanGradient,
  scatterElementsGradient,
  scatterNDGradient,
  seluGradient,
  sigmoidGradient,
  simplifiedLayerNormalizationGradient,
  sinGradient,
  sinhGradient,
  skipSimplifiedLayerNormalizationGradient,
  sliceGradient,
  softmaxCrossEntropyLossGradient,
  softmaxGradient,
  softplusGradient,
  softsignGradient,
  splitGradient,
  sqrtGradient,
  squeezeGradient,
  subGradient,
  sumGradient,
  swishGradient,
  tanGradient,
  tanhGradient,
  thresholdedReluGradient,
  tileGradient,
  topKGradient,
  transposeGradient,
  triluGradient,
  unsqueezeGradient,
  whereGradient,
  ...notDifferentiable,
  ...refused,
];
