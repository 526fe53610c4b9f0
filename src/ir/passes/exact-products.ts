import type { Graph, Node } from '../graph.ts';

import { noNode } from './conditions.ts';
import { definePass } from './pass.ts';

/**
 * Makes every product with quantized weights compute in f32. With an `accuracy_level` of 2 to 4 ONNX Runtime rounds the activations to
 * f16, bf16 or int8 before the product, which would be another function than the one that is differentiated.
 */
export const exactProducts = definePass('exact-products', ({ graph }) => dropLevels(graph), {
  ensures: [noNode('no product rounds its activations', (node) => isProduct(node) && hasLevel(node))],
});

function isProduct({ domain, opType }: Node): boolean {
  return domain === 'com.microsoft' && opType === 'MatMulNBits';
}

function hasLevel({ attributes }: Node): boolean {
  return attributes.has('accuracy_level');
}

function dropLevels(graph: Graph): string[] {
  return graph.nodes.flatMap((node) => {
    const inner = node.subgraphs.flatMap(dropLevels);
    if (!isProduct(node) || !hasLevel(node)) return inner;
    node.deleteAttribute('accuracy_level');
    return [...inner, `${node.label} computes in f32`];
  });
}
