import type { Graph } from '../../ir/index.ts';
import { microsoft } from '../emit.ts';

/**
 * Lets every product with quantized weights compute in f32: an `accuracy_level` of 2 to 4 would round the activations to f16, bf16
 * or int8 before they are multiplied, and so give another function than the one that is differentiated.
 */
export function exactProducts(graph: Graph): void {
  for (const node of graph.nodes) {
    for (const subgraph of node.subgraphs) exactProducts(subgraph);
    if (node.domain === microsoft && node.opType === 'MatMulNBits') node.deleteAttribute('accuracy_level');
  }
}
