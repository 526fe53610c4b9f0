import type { Graph, Node, Value } from '../graph.ts';
import type { Model } from '../model.ts';
import { sortNodes } from '../sort.ts';
import { Tape } from '../tape.ts';
import { zeroAfter } from '../zero-after.ts';
import { inOrder } from './conditions.ts';
import { definePass } from './pass.ts';

/**
 * Keeps ONNX Runtime from multiplying activations that it has rounded to 8 bits. It makes one operator of a DequantizeLinear whose
 * weight, scale and zero point are constants and the product that reads it, and that operator rounds what comes in; the graph says
 * nothing of it. Here each such scale gets a zero added that is computed from what the product reads besides. The values stay the same
 * bit for bit, the scale is no constant any more, and the two operators stay two.
 *
 * The weight is dequantized right before its product, and is held as integers otherwise.
 */
export const exactDequantization = definePass('exact-dequantization', (model) => keepApart(model, model.graph), {
  ensures: [
    inOrder,
    { name: 'no product can be fused with its constant weight', broken: ({ graph }) => fusible(graph) },
  ],
});

/** The first DequantizeLinear that ONNX Runtime could fuse with the product that reads it. */
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
  // The zero comes from a value that may be computed behind the DequantizeLinear.
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

/** What the nodes of a graph compute from nothing but constants. */
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
 * What comes together with the weight at the first node that reads it, or what is computed from it, beside something that is no
 * constant. That something does not depend on the weight: otherwise an earlier node would have been the first.
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
  // WHY: a number has no axis to take nothing of.
  const list = after.shape?.length === 0 ? tape.op('Reshape', [after, tape.int64s([-1])]) : after;
  node.setInput(1, tape.op('Add', [scale, zeroAfter(tape, list, scale.dtype)]));
}
