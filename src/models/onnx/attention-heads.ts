import type { AdaptableModule, Graph } from '../../ir/index.ts';
import type { KvSizes } from './kv-sizes.ts';

/**
 * Finds the sizes of heads in a graph without inputs for keys and values. They follow from the first softmax over
 * [batch, heads, seq, seq] or the attributes of a fused attention, and from the widths of the layers for queries and keys.
 */
export function headsOf({ nodes }: Graph, modules: readonly AdaptableModule[], hidden: number): KvSizes | undefined {
  const heads = nodes.flatMap((node) => {
    const count = node.opType === 'Softmax' ? node.inputs[0]?.shape?.at(-3) : node.intAttribute('num_heads');
    return typeof count === 'number' ? count : [];
  })[0];
  if (heads === undefined) return undefined;
  const width = (pattern: RegExp): number | undefined => modules.find(({ path }) => pattern.test(path))?.out;
  const headDim = (width(/(?:q_proj|query|q_lin)$/) ?? hidden) / heads;
  return { kvHeads: (width(/(?:k_proj|key|k_lin)$/) ?? headDim * heads) / headDim, headDim };
}
