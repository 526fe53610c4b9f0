import { definePass, Tape, type Model, type Node, type Pass, type Value } from '../../ir/index.ts';
import { tensorOf, typedArray } from '../../tensor/index.ts';

/** The constants by which the input of a product of bytes is rounded to 255 levels. */
interface Rounding {
  /** f32 [], 1 / 127 */
  readonly step: Value;
  /** u8 [], 128 */
  readonly middle: Value;
}

/** Whether a graph multiplies rounded inputs by signed weights in the form that Espalier builds. */
export function hasSignedProducts(model: Model): boolean {
  return allNodes(model).some((node) => roundingOf(node) !== undefined);
}

/**
 * Rounds the inputs of products with signed weights to 127 levels instead of 255:
 *
 *   (round(63 · x / s) + 64) ⊗ W / 63      instead of      (round(127 · x / s) + 128) ⊗ W / 127
 *
 * WHY: on processors without VNNI, pairs of products are added in 16 bits. Two products of at most 127 · 127 fit into them, and two of
 * 255 · 127 do not. The alternative, unsigned weights, is exact there and takes up to twice the time.
 */
export const narrowActivations: Pass = definePass('narrow-activations', (model) =>
  allNodes(model).flatMap((node) => {
    const found = roundingOf(node);
    if (found === undefined) return [];
    const tape = new Tape(model, { scope: `${node.label}/narrow` });
    model.graph.replaceAllUses(found.step, tape.scalar(1 / 63));
    model.graph.replaceAllUses(found.middle, tape.constant(tensorOf('uint8', [], Uint8Array.of(64))));
    return [`${node.label} rounds to 127 levels, with all that share its rounding`];
  }),
);

/** Also those of branches, in which the products of adapters are. */
function allNodes({ graph }: Model): Node[] {
  const inner = (nodes: readonly Node[]): Node[] =>
    nodes.flatMap((node) => [node, ...node.subgraphs.flatMap((subgraph) => inner(subgraph.nodes))]);
  return inner(graph.nodes);
}

/** WHY the exact step: graphs of other tools have steps of their own, and are computed as they say. */
const wholeStep = Math.fround(1 / 127);

function roundingOf(product: Node): Rounding | undefined {
  if (!isSigned(product)) return undefined;
  // Of a mixture, the rounded rows of all experts are split.
  const before = product.inputs[0]?.producer;
  const rounding = before?.opType === 'Split' ? before.inputs[0]?.producer : before;
  if (rounding?.opType !== 'QuantizeLinear') return undefined;
  const [, step, middle] = rounding.inputs;
  return step && middle && numberOf(step) === wholeStep && numberOf(middle) === 128 ? { step, middle } : undefined;
}

function isSigned({ domain, opType, inputs }: Node): boolean {
  return domain === 'com.microsoft' && opType === 'MatMulIntegerToFloat' && inputs[1]?.dtype === 'int8';
}

function numberOf(value: Value): number | undefined {
  if (value.constant?.kind !== 'inline' || value.shape?.length !== 0) return undefined;
  const [number] = typedArray(value.constant.tensor);
  return Number(number);
}
