import { attentionRules } from './attention.ts';
import { controlFlowRules } from './control-flow.ts';
import { einsumRules } from './einsum.ts';
import { elementwiseRules } from './elementwise.ts';
import { gatheringRules } from './gathering.ts';
import { generatorRules } from './generators.ts';
import type { InferRule } from './infer-rule.ts';
import { linearRules } from './linear.ts';
import { lossRules } from './losses.ts';
import { normalizationRules } from './normalization.ts';
import { quantizationRules } from './quantization.ts';
import { reductionRules } from './reductions.ts';
import { resamplingRules } from './resampling.ts';
import { reshapeRules } from './reshape.ts';
import { slicingRules } from './slicing.ts';
import { windowRules } from './windows.ts';

/** Every rule of shape inference, by operator. */
export const inferRules: ReadonlyMap<string, InferRule> = new Map(
  Object.entries({
    ...elementwiseRules,
    ...linearRules,
    ...einsumRules,
    ...windowRules,
    ...resamplingRules,
    ...reshapeRules,
    ...slicingRules,
    ...gatheringRules,
    ...generatorRules,
    ...reductionRules,
    ...normalizationRules,
    ...lossRules,
    ...attentionRules,
    ...quantizationRules,
    ...controlFlowRules,
  }),
);
