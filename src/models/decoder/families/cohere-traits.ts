import type { LlamaLike } from './llama-like.ts';

/** What Command R and its successors share. */
export const cohereTraits = {
  norms: 'parallel',
  normKind: 'layer',
  normParameters: 'weight',
} as const satisfies Partial<LlamaLike>;
