import { einsumLowering } from './einsum.ts';
import { gatherNDLowering } from './gather-nd.ts';
import { globalAveragePoolLowering, globalMaxPoolLowering } from './global-pools.ts';
import { groupQueryAttentionLowering } from './group-query-attention.ts';
import {
  groupNormalizationLowering,
  instanceNormalizationLowering,
  meanVarianceNormalizationLowering,
} from './instance-normalization.ts';
import type { Lowering } from './lowering.ts';
import { lpNormalizationLowering } from './lp-normalization.ts';
import { microsoftAttentionLowering } from './microsoft-attention.ts';
import { multiHeadAttentionLowering } from './multi-head-attention.ts';
import { onnxAttentionLowering } from './onnx-attention.ts';
import { padLowering } from './pad.ts';
import { skipLayerNormalizationLowering } from './skip-layer-normalization.ts';

/** The operators that are differentiated as several smaller ones, in alphabetical order. */
export const standardLowerings: readonly Lowering[] = [
  einsumLowering,
  gatherNDLowering,
  globalAveragePoolLowering,
  globalMaxPoolLowering,
  groupNormalizationLowering,
  groupQueryAttentionLowering,
  instanceNormalizationLowering,
  lpNormalizationLowering,
  meanVarianceNormalizationLowering,
  microsoftAttentionLowering,
  multiHeadAttentionLowering,
  onnxAttentionLowering,
  padLowering,
  skipLayerNormalizationLowering,
];
