import { definePass, type Graph, type Model, type Node, type Pass } from '../../ir/index.ts';

/**
 * The names of the nodes that WebGPU computes wrongly, or not exactly enough, and that must run on the CPU:
 *
 * - GroupQueryAttention with `softcap`: the kernel in ONNX Runtime 1.30 leaves it out, without an error. Gemma 2 would give other tokens.
 * - Cos and Sin, which shaders may compute with an error of 2^-11 (Vulkan's limit), and Pow, which they compute by a logarithm. A graph
 *   has them where rotary frequencies change with the length of the row (`dynamic`); all other graphs have tables. Pow also fails there
 *   for operands of some shapes (`findings/ort-webgpu-pow.sh`). Powers with one exponent, such as squares, stay on the device.
 * - Conv over one axis, which gives wrong numbers there, without an error. The convolution of DeBERTa v2 is one.
 *
 * Nodes of subgraphs are among them. Each must have a name: see `namedFallbacks`.
 */
export function wrongOnWebGpu({ graph }: Model): string[] {
  return wrongNodes(graph).map(({ node }) => node.name);
}

/**
 * Gives the nodes that must run on the CPU a name where they have none. WHY: ONNX Runtime is told them by their names, and ONNX files of
 * other tools need not name nodes. Names with line breaks are replaced too, since ONNX Runtime takes one name from each line.
 */
export const namedFallbacks: Pass = definePass('named-fallbacks', ({ graph }) =>
  wrongNodes(graph).flatMap(({ node, owner }) => {
    if (node.name !== '' && !/[\r\n]/.test(node.name)) return [];
    node.name = owner.uniqueName(`${node.opType}_on_cpu`);
    return [`${node.name} has a name`];
  }),
);

interface OwnedNode {
  readonly node: Node;
  readonly owner: Graph;
}

function wrongNodes(owner: Graph): OwnedNode[] {
  return owner.nodes.flatMap((node) => [
    ...(hasCap(node) || isCoarse(node) || isConvOfRows(node) ? [{ node, owner }] : []),
    ...node.subgraphs.flatMap(wrongNodes),
  ]);
}

function hasCap(node: Node): boolean {
  const { domain, opType } = node;
  return domain === 'com.microsoft' && opType === 'GroupQueryAttention' && node.floatAttribute('softcap', 0) !== 0;
}

/** A convolution of [batch, channels, length]; one whose weight has no known shape may be one. */
function isConvOfRows({ domain, opType, inputs }: Node): boolean {
  const rank = inputs[1]?.shape?.length;
  return domain === '' && opType === 'Conv' && (rank === undefined || rank === 3);
}

function isCoarse({ domain, opType, inputs }: Node): boolean {
  if (domain !== '') return false;
  const exponent = inputs[1]?.shape;
  return opType === 'Cos' || opType === 'Sin' || (opType === 'Pow' && exponent?.length !== 0);
}
