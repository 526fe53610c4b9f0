import type { Pass } from '../../ir/index.ts';
import { dropExpands } from './drop-expands.ts';
import { fuseGradientSums } from './fuse-gradient-sums.ts';

/** What makes a backward pass quicker and changes nothing else; run them after `differentiate`, in this order. */
export const gradientPasses: readonly Pass[] = [dropExpands, fuseGradientSums];
