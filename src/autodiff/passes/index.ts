import type { Pass } from '../../ir/index.ts';
import { dropExpands } from './drop-expands.ts';
import { fuseGradientSums } from './fuse-gradient-sums.ts';

/** Passes that make a backward pass faster and do not change its results. Run them after `differentiate`, in this order. */
export const gradientPasses: readonly Pass[] = [dropExpands, fuseGradientSums];
