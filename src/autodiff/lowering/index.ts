import { groupQueryAttentionLowering } from './group-query-attention.ts';
import type { Lowering } from './lowering.ts';

/** The fused operators that are differentiated in smaller parts, in alphabetical order. */
export const standardLowerings: readonly Lowering[] = [groupQueryAttentionLowering];
