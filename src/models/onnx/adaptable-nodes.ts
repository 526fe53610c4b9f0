import type { AdaptableModule, Graph, ModuleKind, Node, Value } from '../../ir/index.ts';

/** A node that an adapter can change: it multiplies by weights, selects rows of them or convolves with them. */
export interface AdaptableNode extends Omit<AdaptableModule, 'path' | 'transposed'> {
  readonly node: Node;
  readonly weight: Value;
  readonly kind: ModuleKind;
}

/** Lists the adaptable nodes of a typed graph in the order of the graph. */
export function adaptableNodes(graph: Graph): AdaptableNode[] {
  const constants = constantValues(graph);
  return graph.nodes.flatMap((node) => adaptableNode(node, constants) ?? []);
}

function adaptableNode(node: Node, constants: ReadonlySet<Value>): AdaptableNode | undefined {
  switch (node.qualifiedType) {
    case 'MatMul':
    case 'Gemm':
    case 'MatMulInteger':
    case 'com.microsoft:FusedMatMul':
    case 'com.microsoft:DynamicQuantizeMatMul':
    case 'com.microsoft:MatMulIntegerToFloat':
      return productNode(node, constants);
    case 'com.microsoft:MatMulNBits':
    case 'com.microsoft:MatMulBnb4':
      return packedNode(node, constants);
    case 'Gather':
    case 'com.microsoft:GatherBlockQuantized':
      return embeddingNode(node, constants);
    case 'Conv':
      return convNode(node, constants);
    default:
      return undefined;
  }
}

function productNode(node: Node, constants: ReadonlySet<Value>): AdaptableNode | undefined {
  const [x, weight] = node.inputs;
  const [rows, columns] = weight?.shape ?? [];
  if (x === undefined || weight === undefined || constants.has(x) || !constants.has(weight)) return undefined;
  if (weight.shape?.length !== 2 || typeof rows !== 'number' || typeof columns !== 'number') return undefined;
  if (node.intAttribute('transA', 0) !== 0) return undefined;
  const isTurned = node.intAttribute('transB', 0) !== 0;
  return {
    node,
    weight: sourceOf(weight),
    kind: 'linear',
    in: isTurned ? columns : rows,
    out: isTurned ? rows : columns,
  };
}

function packedNode(node: Node, constants: ReadonlySet<Value>): AdaptableNode | undefined {
  const weight = node.inputs[1];
  const [width, out] = [node.intAttribute('K'), node.intAttribute('N')];
  if (weight === undefined || !constants.has(weight) || width === undefined || out === undefined) return undefined;
  return { node, weight, kind: 'linear', in: width, out };
}

/** WHY only tables named as weights: a Gather also reads rotary tables, which are not modules. */
function embeddingNode(node: Node, constants: ReadonlySet<Value>): AdaptableNode | undefined {
  const [table, indices] = node.inputs;
  const [rows, width] = table?.shape ?? [];
  if (table === undefined || indices === undefined || constants.has(indices) || !constants.has(table)) return undefined;
  if (table.shape?.length !== 2 || node.intAttribute('axis', 0) !== 0) return undefined;
  const weight = sourceOf(table);
  if (typeof rows !== 'number' || typeof width !== 'number' || !/weight/.test(weight.name)) return undefined;
  const isPacked = node.opType === 'GatherBlockQuantized' && table.dtype === 'uint8';
  const out = isPacked ? (width * 8) / node.intAttribute('bits', 4) : width;
  return { node, weight, kind: 'embedding', in: rows, out };
}

function convNode(node: Node, constants: ReadonlySet<Value>): AdaptableNode | undefined {
  const weight = node.inputs[1];
  const [out, channels, ...kernel] = weight?.shape ?? [];
  if (weight === undefined || !constants.has(weight) || kernel.length === 0) return undefined;
  if (typeof out !== 'number' || typeof channels !== 'number') return undefined;
  const sizes = kernel.flatMap((size) => (typeof size === 'number' ? size : []));
  if (sizes.length !== kernel.length) return undefined;
  const groups = node.intAttribute('group', 1);
  return {
    node,
    weight: sourceOf(weight),
    kind: 'conv',
    in: channels * groups,
    out,
    kernel: sizes,
    ...(groups !== 1 && { groups }),
  };
}

/** Finds the initializer of a weight that is transposed, cast or dequantized before its use. */
function sourceOf(weight: Value): Value {
  let value = weight;
  for (let input = value.producer?.inputs[0]; input; input = value.producer?.inputs[0]) value = input;
  return value;
}

/** Finds initializers and values that depend on initializers only. */
function constantValues(graph: Graph): ReadonlySet<Value> {
  const constants = new Set<Value>(graph.initializers.values());
  for (const node of graph.nodes) {
    const isConstant =
      node.inputs.length > 0 && node.inputs.every((input) => input === undefined || constants.has(input));
    if (isConstant) for (const output of node.outputs) if (output) constants.add(output);
  }
  return constants;
}
