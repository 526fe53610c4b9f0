import type { Model } from '../../ir/index.ts';

/**
 * The names of the nodes that WebGPU computes wrongly, and that must run on the CPU.
 *
 * WHY: the kernel of GroupQueryAttention in ONNX Runtime 1.30 leaves out `softcap`, without an error. Gemma 2 would give other tokens.
 */
export function wrongOnWebGpu({ graph }: Model): string[] {
  return graph.nodes
    .filter(({ domain, opType }) => domain === 'com.microsoft' && opType === 'GroupQueryAttention')
    .filter((node) => node.floatAttribute('softcap', 0) !== 0)
    .map(({ name }) => name);
}
