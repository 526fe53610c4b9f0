/** Types of a merged checkpoint; `base`: each weight keeps its own. */
export type MergeDtype = 'f32' | 'bf16' | 'base';
