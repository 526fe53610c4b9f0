import type { Graph, Node, Value } from '../graph.ts';
import type { Model } from '../model.ts';
import { sortNodes } from '../sort.ts';
import { Tape } from '../tape.ts';
import { zeroAfter } from '../zero-after.ts';
import { inOrder } from './conditions.ts';
import { definePass } from './pass.ts';

/**
 * Prevents ONNX Runtime from rounding activations to 8 bits. If the weight, scale and zero point of a DequantizeLinear are constants,
 * ONNX Runtime fuses it with the product that reads it into one operator, and that operator rounds its activations although the graph
 * does not say so. This pass adds a zero to each such scale; the zero is computed from another input of the product. The values stay
 * the same, bit for bit. But the scale is no longer a constant, so the two operators are not fused.
 *
 * The weight is dequantized right before its product, and is stored as integers.
 */
export const exactDequantization = definePass('exact-dequantization', (model) => keepApart(model, model.graph), {
  ensures: [
    inOrder,
    { name: 'no product can be fused with its constant weight', broken: ({ graph }) => fusible(graph) },
  ],
});

/** Finds the first DequantizeLinear that ONNX Runtime could fuse with the product that reads it. */
function fusible(graph: Graph): string | undefined {
  const constants = constantsOf(graph);
  for (const node of graph.nodes) {
    const inner = node.subgraphs.map(fusible).find((found) => found !== undefined);
    if (inner !== undefined) return inner;
    if (isDequantization(node) && isConstant(node, constants) && runningInput(graph, node, constants))
      return node.label;
  }
  return undefined;
}

function keepApart(model: Model, graph: Graph): string[] {
  const constants = constantsOf(graph);
  const changes = [...graph.nodes].flatMap((node) => {
    const inner = node.subgraphs.flatMap((subgraph) => keepApart(model, subgraph));
    const after =
      isDequantization(node) && isConstant(node, constants) ? runningInput(graph, node, constants) : undefined;
    if (after === undefined) return inner;
    addZero(model, node, after);
    return [...inner, `${node.label} waits for ${after.name}`];
  });
  // The zero may depend on a value that is computed after the DequantizeLinear.
  if (changes.length > 0) sortNodes(graph);
  return changes;
}

function isDequantization({ opType, domain }: Node): boolean {
  return opType === 'DequantizeLinear' && (domain === '' || domain === 'com.microsoft');
}

function isConstant(node: Node, constants: ReadonlySet<Value>): boolean {
  return node.inputs.every((input) => input === undefined || isKnown(input, constants));
}

function isKnown(value: Value, constants: ReadonlySet<Value>): boolean {
  return constants.has(value) || (value.constant !== undefined && !value.isGraphInput);
}

/** The values that are computed from constants alone. */
function constantsOf(graph: Graph): ReadonlySet<Value> {
  const constants = new Set<Value>();
  for (const node of graph.nodes) {
    const isFixed = node.opType === 'Constant' || (node.inputs.length > 0 && isConstant(node, constants));
    if (!isFixed || node.subgraphs.length > 0) continue;
    for (const output of node.outputs) if (output) constants.add(output);
  }
  return constants;
}

/**
 * Finds the first node that combines the weight, or a value computed from it, with a value that is not constant, and returns that
 * value. The returned value cannot depend on the weight: otherwise an earlier node would have combined them.
 */
function runningInput(graph: Graph, dequantization: Node, constants: ReadonlySet<Value>): Value | undefined {
  const derived = new Set<Value>(dequantization.outputs.flatMap((output) => output ?? []));
  for (const node of graph.nodes) {
    if (!node.inputs.some((input) => input && derived.has(input))) continue;
    const running = node.inputs.flatMap((input) => (input && !isKnown(input, constants) ? [input] : []));
    if (running.length > 0) return running.find(({ dtype }) => dtype !== 'string');
    for (const output of node.outputs) if (output) derived.add(output);
  }
  return undefined;
}

function addZero(model: Model, node: Node, after: Value): void {
  const [, scale] = node.inputs;
  if (scale === undefined) return;
  const tape = new Tape(model, { scope: node.label, insertBefore: node });
  // WHY: a scalar has no axis along which zero elements could be taken.
  const list = after.shape?.length === 0 ? tape.op('Reshape', [after, tape.int64s([-1])]) : after;
  node.setInput(1, tape.op('Add', [scale, zeroAfter(tape, list, scale.dtype)]));
}
